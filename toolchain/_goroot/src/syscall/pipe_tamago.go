package syscall

import "sync"

// A pipe blocks goroutines, not processors.
type pipe struct {
	mu      sync.Mutex
	cond    sync.Cond
	data    []byte
	readers bool
	writers bool
	stopped bool // an end is being closed: whoever blocks must look
}

// StopIO has goroutines that block on a descriptor find out that it is closing.
func StopIO(fd int) error {
	return onOpen(fd, func(f *openFile) error {
		if f.pipe != nil {
			f.pipe.mu.Lock()
			f.pipe.stopped = true
			f.pipe.cond.Broadcast()
			f.pipe.mu.Unlock()
		}
		return nil
	})
}

func onOpen(fd int, fn func(f *openFile) error) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return err
	}
	return fn(f)
}

const pipeSize = 64 << 10

func Pipe(fd []int) error {
	if len(fd) != 2 {
		return EINVAL
	}
	p := &pipe{readers: true, writers: true}
	p.cond.L = &p.mu
	fsMu.Lock()
	defer fsMu.Unlock()
	n := newInode(S_IFIFO | 0600)
	fd[0] = newFd(&openFile{node: n, pipe: p, flags: O_RDONLY})
	fd[1] = newFd(&openFile{node: n, pipe: p, flags: O_WRONLY})
	return nil
}

func (p *pipe) closeEnd(flags int) {
	p.mu.Lock()
	if flags&O_WRONLY != 0 {
		p.writers = false
	} else {
		p.readers = false
	}
	p.cond.Broadcast()
	p.mu.Unlock()
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.data) == 0 && p.writers && p.readers && len(b) > 0 {
		if p.stopped {
			// internal/poll asks its descriptor whether it is the one that closes;
			// if not, it calls again.
			p.stopped = false
			return 0, EAGAIN
		}
		p.cond.Wait()
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	p.cond.Broadcast()
	return n, nil
}

func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for done < len(b) {
		for len(p.data) >= pipeSize && p.readers {
			if p.stopped {
				p.stopped = false
				return done, EAGAIN
			}
			p.cond.Wait()
		}
		if !p.readers {
			return done, EPIPE
		}
		n := min(len(b)-done, pipeSize-len(p.data))
		p.data = append(p.data, b[done:done+n]...)
		done += n
		p.cond.Broadcast()
	}
	return done, nil
}
