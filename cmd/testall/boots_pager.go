package main

// pagerBoots runs the ring-3 programs that drive the pager contract for longer than
// a conformance test does. For still longer: writers 120, history SEED 1000000.
func pagerBoots() []boot {
	return []boot{
		// Seed 1 in full, and others in short.
		{name: "histories against a model", timeout: "180", check: sameFree,
			commands: "mem; run history; run history 3 20000; run history 12 20000; mem",
			want:     []string{`seed 1: 1\d{5} operations .* no difference`, `seed 3: .* no difference`, `seed 12: .* no difference`}},
		{name: "four threads write, one writes back", timeout: "60", check: sameFree,
			commands: "mem; run writers 8; run writers 4 2 notrap; mem",
			want:     []string{`TRAP_DIRTY: `, `nothing is lost`, `no trap: `, `nothing is lost`}},
		{name: "a pager that behaves badly", append: "kernel.userpager.overtime_timeout_seconds=1", timeout: "90", check: sameFree,
			commands: "mem; run badpager 1; mem",
			want:     []string{`silent: as it must be`, `11 ways, all as they must be`}, refuse: []string{`HANGS`}},
	}
}
