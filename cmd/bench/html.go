package main

import (
	"fmt"
	"html/template"
	"os"
)

// page is what the template of build/bench.html shows.
type page struct {
	Setups []setupText
	Groups []groupText
	Since  bool // there are earlier reports
	Plots  []plotGroup
	Notes  []string
}

type setupText struct{ Side, Text string }

type groupText struct {
	Title, About string
	Lines        []line
}

type plotGroup struct {
	Title, About string
	Linux        bool // is drawn too
	Plots        []plotText
}

type plotText struct {
	Caption string
	SVG     template.HTML
}

// Methods of line for the template.
func (l line) Ours() string     { return show(l.Faultline) }
func (l line) Best() string     { return show(l.Linux) }
func (l line) Standard() string { return show(l.LinuxDefault) }
func (l line) Times() string    { return l.times() }
func (l line) Goal() string     { return show(l.Target) }
func (l line) Verdict() string  { return l.verdict() }
func (l line) Bottom() string   { return show(l.Floor) }
func (l line) Missed() bool     { return l.Met != nil && !*l.Met }
func (l line) Range() string {
	if l.Detail == nil {
		return ""
	}
	d := l.Detail.Faultline
	return fmt.Sprintf("%s / %s / %s", thousands(d.Min), thousands(d.P99), thousands(d.Max))
}

// writeHTML writes the report. It needs nothing from elsewhere.
func writeHTML(path string, s sides, lines []line) error {
	p := page{Notes: s.ours.Notes}
	for _, side := range []struct {
		name string
		r    *results
	}{{"Faultline", s.ours}, {"Linux at its best", s.best}, {"or, where it is better", s.newest}, {"Linux as shipped", s.standard}} {
		p.Setups = append(p.Setups, setupText{side.name, side.r.setup()})
	}
	for _, g := range groups {
		t := groupText{Title: g.title, About: g.about}
		for _, l := range lines {
			if l.Group == g.title {
				t.Lines = append(t.Lines, l)
				p.Since = p.Since || len(l.History) > 0
			}
		}
		p.Groups = append(p.Groups, t)
	}
	growth := plotGroup{Title: "Cost against size", About: "Medians. A line that stays level is what is wanted.", Linux: s.best != nil}
	for _, f := range scale {
		svg, ok, err := growthPlot(f.rung, f.linux, f.axis, f.sizes, s)
		if err != nil {
			return err
		}
		if ok {
			growth.Plots = append(growth.Plots, plotText{f.text, svg})
		}
	}
	past := plotGroup{Title: "History", About: "Medians of earlier reports, oldest first; the last is this one. Rows that never changed by a hundredth are left out."}
	for i := range lines {
		svg, ok, err := historyPlot(&lines[i])
		if err != nil {
			return err
		}
		if ok {
			past.Plots = append(past.Plots, plotText{lines[i].Name + ": " + lines[i].What, svg})
		}
	}
	spread := plotGroup{Title: "Distribution of each rung", About: "How many of 4,096 operations take at most so many instructions, up to the slowest of all.", Linux: s.best != nil}
	for i := range lines {
		l := &lines[i]
		if l.ours == nil || len(l.ours.Quantiles) < 2 || l.Group == "What must not grow" {
			continue
		}
		svg, err := distributionPlot(l)
		if err != nil {
			return err
		}
		spread.Plots = append(spread.Plots, plotText{l.Name + ": " + l.What, svg})
	}
	for _, g := range []plotGroup{growth, past, spread} {
		if len(g.Plots) > 0 {
			p.Plots = append(p.Plots, g)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pageTemplate.Execute(f, p); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Faultline in guest instructions</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem; color: #1c2330; background: #fff; }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e3e6eb; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left } th { color: #556; font-weight: 600; }
td:not(:first-child), th:not(:first-child) { white-space: nowrap }
.wide { overflow-x: auto } .key span { margin-right: 1rem } .key i { display: inline-block; width: 1.4rem; height: .2rem; vertical-align: middle; margin-right: .3rem }
td small { color: #667; display: block } code { color: #556; font-size: .85em }
.met { color: #17803d } .missed { color: #b3261e; font-weight: 600 }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem }
figure { margin: 0; border: 1px solid #e3e6eb; padding: .5rem; border-radius: 4px } figcaption { font-size: .85rem; color: #445 }
svg { width: 100%; height: auto }
dt { font-weight: 600 } dd { margin: 0 0 .3rem 0; color: #445 }
</style></head><body>
<h1>Faultline in guest instructions</h1>
<p>Every figure is a count of guest instructions, read from the virtual time stamp counter by ring 3 under
<code>-accel tcg -icount shift=0,sleep=off</code>, where it advances by one for each: the median of 4,096 operations.
Time would say nothing about an emulator. Linux ran in the same QEMU with the same options.
The ratio is how many times as much Linux takes, at its best.</p>
<p>How each side copies: <code>zx_pager_supply_pages</code> moves page frames from one VMO to the other and copies nothing;
<code>UFFDIO_COPY</code> copies every page. Each iteration of a REP instruction counts as one instruction: a page copied or cleared by
<code>rep movsq</code> or <code>rep stosq</code> is 512, by <code>rep movsb</code> (CPUs with ERMS) 4,096. Both sides are therefore measured without
ERMS; the column "as shipped" has it.
The floor is what a kernel of assembly alone takes that decides nothing. CR3 loads and TLB flushes count as one instruction each.</p>
<dl>{{range .Setups}}<dt>{{.Side}}</dt><dd>{{.Text}}</dd>{{end}}</dl>
{{range .Groups}}<h2>{{.Title}}</h2>{{with .About}}<p>{{.}}</p>{{end}}
<div class="wide"><table><tr><th></th><th>Faultline</th>{{if $.Since}}<th>change</th>{{end}}<th>min / p99 / max</th><th>Linux best</th><th>Linux as shipped</th><th>ratio</th><th>target</th><th>floor</th></tr>
{{range .Lines}}<tr><td>{{.What}} <code>{{.Name}}</code>{{with .How}}<small>{{.}}</small>{{end}}{{with .Kernel}}<small>Linux {{.}}</small>{{end}}{{with .Missing}}<small>{{.}}</small>{{end}}</td>
<td>{{.Ours}}{{if ne .Unit "instructions"}} {{.Unit}}{{end}}</td>{{if $.Since}}<td>{{.Since}}</td>{{end}}<td>{{.Range}}</td><td>{{.Best}}</td><td>{{.Standard}}</td><td>{{.Times}}</td>
<td class="{{if .Missed}}missed{{else}}met{{end}}">{{if .Target}}{{.Goal}} {{.Verdict}}{{end}}</td><td>{{if .Floor}}{{.Bottom}}{{end}}</td></tr>
{{end}}</table></div>
{{end}}
{{range .Plots}}<h2>{{.Title}}</h2><p>{{.About}}</p>
<p class="key"><span><i style="background:#0b62c4"></i>Faultline</span>{{if .Linux}}<span><i style="background:#c2600a"></i>Linux</span>{{end}}</p>
<div class="plots">{{range .Plots}}<figure>{{.SVG}}<figcaption>{{.Caption}}</figcaption></figure>
{{end}}</div>
{{end}}
{{with .Notes}}<h2>Notes of the run</h2><ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
</body></html>
`))
