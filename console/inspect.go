package console

import (
	"fmt"

	"faultline/files"
	"faultline/pager"
	"faultline/vmo"
	"faultline/zx"
)

// What vmo, pager and threads have in common: who is who, and how a request is
// told.

// seconds spells a span of time.
func seconds(t zx.Time) string { return fmt.Sprintf("%d.%03d s", t/1e9, t%1e9/1e6) }

// filePager gives the pager of the disk's files; nil while none is open.
func (c *Console) filePager() *pager.Pager {
	for _, f := range c.openFiles() {
		if s := pager.ProxyOf(f.VMO()); s != nil {
			return s.Pager()
		}
	}
	return nil
}

// openFiles lists the files that are open; none without a disk.
func (c *Console) openFiles() []*files.File {
	if c.volume == nil {
		return nil
	}
	return c.volume.Files()
}

// vmoNames names every VMO it can: by the file it is, the name it was given, or a
// process that has a handle or a mapping of it.
func (c *Console) vmoNames() map[zx.Koid]string {
	names := map[zx.Koid]string{}
	for _, f := range c.openFiles() {
		names[f.VMO().Koid()] = clean(f.Name())
	}
	if c.volume != nil {
		for _, f := range c.volume.Views() {
			names[f.VMO().Koid()] = clean(f.Name())
		}
	}
	name := func(koid zx.Koid, process string) {
		if names[koid] == "" {
			names[koid] = "of process " + clean(process)
		}
	}
	for _, h := range c.kernel.Handles() {
		if h.VMO != nil && h.Name != "" && names[h.Koid] == "" {
			names[h.Koid] = clean(h.Name)
		} else if h.VMO != nil {
			name(h.Koid, h.ProcessName)
		}
	}
	for _, m := range c.kernel.Mappings() {
		name(m.VMO, m.ProcessName)
	}
	return names
}

// threadNames names every thread of a process.
func (c *Console) threadNames() map[zx.Koid]string {
	names := map[zx.Koid]string{}
	for _, t := range c.kernel.Threads() {
		if t.Thread != zx.KoidInvalid {
			names[t.Thread] = clean(t.ProcessName + "/" + t.Name)
		}
	}
	return names
}

// requestLine tells of a request, who waits and how long it has.
func (c *Console) requestLine(r *pager.RequestInfo, threads map[zx.Koid]string) string {
	who := "the kernel"
	if r.Thread != zx.KoidInvalid {
		who = fmt.Sprintf("thread %d %s", r.Thread, threads[r.Thread])
	}
	age := ""
	if r.Since != 0 {
		age = " waits " + seconds(c.kernel.Now()-r.Since)
	}
	return fmt.Sprintf("%v %s%s", r, who, age)
}

// sourceState spells in what state a source is, but for its requests.
func sourceState(i pager.ProxyInfo) string {
	text := "packet slot free"
	switch {
	case i.OnPort:
		text = "packet slot taken by a packet on the port"
	case i.PacketQueued && i.GoodbyeDue:
		text = "packet slot taken by COMPLETE"
	case i.PacketQueued:
		text = "packet slot taken: its packet went with the port"
	}
	if i.Detached {
		text += ", detached"
	}
	if i.PagerClosed {
		text += ", pager closed"
	}
	return text
}

// optionNames spells the options a VMO was made with.
func optionNames(i *vmo.Info) string {
	text := ""
	for _, o := range []struct {
		set  bool
		name string
	}{
		{i.Options&zx.VMOResizable != 0, "ZX_VMO_RESIZABLE"},
		{i.Options&zx.VMODiscardable != 0, "ZX_VMO_DISCARDABLE"},
		{i.TrapsDirty, "ZX_VMO_TRAP_DIRTY"},
		{i.Options&zx.VMOUnbounded != 0, "ZX_VMO_UNBOUNDED"},
	} {
		if o.set {
			if text != "" {
				text += " | "
			}
			text += o.name
		}
	}
	if text == "" {
		return "none"
	}
	return text
}
