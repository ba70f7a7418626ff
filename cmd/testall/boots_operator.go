package main

import "strings"

// operatorBoots looks at a running kernel as an operator does: vmo, pager,
// threads, faults, mem, the boot options, and the warnings and errors about a
// pager that does not answer.
func operatorBoots(d disks) []boot {
	const wait, timeout = "kernel.userpager.overtime_wait_seconds=", "kernel.userpager.overtime_timeout_seconds="
	list := []boot{
		{name: "a frozen view", disk: d.test,
			commands: "poke " + five + " 0 aa; snap " + five + "; poke " + five + " 0 bb; poke " + five + "@1 5000 cc; sync; evict " + five + "; cat " + five + "@1 0 1; " +
				"snap PAGE.BIN; poke PAGE.BIN 9 77; sync; sum PAGE.BIN@1; poke PAGE.BIN@1 9 78; sum PAGE.BIN",
			want: []string{`five-million-and-one\.bin@1 shows `, `in this view alone`, `00000000  aa`, d.sums["PAGE.BIN"]},
			effect: func(before, after string) error {
				return wroteAll(before, after, map[string]stored{five: {0, []byte{0xbb}}, "PAGE.BIN": {9, []byte{0x77}}})
			}},
		{name: "vmo draws a file", disk: d.test,
			commands: "vmo; touch " + five + " 0 r; poke " + five + " 4094 de ad be ef; vmo; vmo " + five + "; sync; vmo " + five + "; evict " + five + "; vmo " + five + "; mem",
			want: []string{`0 VMOs`, ` 4\.8M +\d+ +\d+ +2 +0 +1 a-folder\S+>\n`, `VMO \d+ ` + five + `: pages come from pager \d+, key 0x1`,
				`size +0x4c5000 \(1221 pages\), stream size 0x4c4b41`, `options +ZX_VMO_TRAP_DIRTY`, `modified +true`,
				`absent \(\.\), .*2 dirty \(D\)`, `0x00000000  D2 `, `0x0 +0x2000 +dirty\n`,
				`\d+ +0x80\S+ +4\.8M +0x0 +rw- +toucher\n`,
				`0x00000000  c\d+ `, `1221 absent \(\.\)`, `free frames`, `VMOs of pagers +0 `},
			effect: wrote(five, 4094, 0xde, 0xad, 0xbe, 0xef)},

		{name: "pager of the disk", disk: d.test, commands: "sum PAGE.BIN; sum " + five + "; counters; pager; pager disk",
			want: []string{`dispatcher\.pager\.create +1 +1\n`,
				`dispatcher\.pager\.total_requests +[1-9]\d* `, `succeeded_requests +[1-9]\d* `, `failed_requests +0 `,
				`timed_out_requests +0 `, `overtime_waits +0 `, `vm\.reclamation\.pages_evicted_pager_backed\.total +0 `,
				`PAGER +VMOS +READ +DIRTY`, `\d+ +2 +0 +0 +the kernel, for files`, `disk: [1-9]`,
				`0x1 +\d+ +4096 +1 +0 +0 +PAGE\.BIN\n +packet slot free`, `0x2 +\d+ +4\.8M +1221 +0 +0 +a-folder\S+>\n`}},

		{name: "fault trace", disk: d.test, fails: true,
			commands: "touch PAGE.BIN 5 r; faults; faults on; evict PAGE.BIN; touch PAGE.BIN 5 r; touch PAGE.BIN 5 w; sync PAGE.BIN; " +
				"fail PAGE.BIN 0 1 ZX_ERR_IO; faults show 1; touch PAGE.BIN 5 r; faults off; faults show 512; run hello; faults",
			want: []string{`0 page faults shown of 0 in the trace`, `records are left from now on`,
				` 2 .* P\|WR\|US +\d+ +0x0 +\d+ [nu]s\n`, `1 page faults shown of 2`, `the trace is off; \d+ records`,
				` 1 .* US +\d+ +0x0 +\d+ [num]s\n`, ` 3 .* US +\d+ +0x0 +\d+ [nu]s\n +ZX_ERR_IO\n`,
				`3 page faults shown of 3`, `hello from ring 3`, `3 page faults shown of 3`},
			effect: nil},
	}

	list = append(list,
		boot{name: "a trace of the demo", disk: d.demo, commands: "trace on; demo; trace off; trace print", check: func(output string) error {
			return checkTrace(output, "page fault", "request READ", "packet READ", "supply", "DIRTY", "WRITEBACK_BEGIN", "WRITEBACK_END", "zx_port_wait", "initial-thread")
		}},
		boot{name: "a trace of two pagers and their clients", commands: "trace on fault fault-end request packet supply operation switch wake; start filepager 300 7; start filepager 200 99; wait; trace off; trace print",
			check: func(output string) error {
				return checkTrace(output, "page fault", "request READ", "packet READ", "supply", "request DIRTY", "DIRTY", "WRITEBACK_BEGIN", "WRITEBACK_END")
			}},
		boot{name: "a trace that is overwritten, turned off and on meanwhile", timeout: "240",
			commands: "start filepager 900 7; start filepager 900 99; trace on; wait 0.1; trace off; trace on switch; trace on; wait; trace off; trace print",
			want:     []string{`[1-9]\d* were overwritten`},
			check: func(output string) error {
				return checkTrace(output, "page fault", "request READ", "packet READ", "supply", "zx_port_wait")
			}},
		boot{name: "a trace of four CPUs", smp: "4", timeout: "240",
			commands: "trace on shootdown switch wake fault fault-end request packet supply operation; run shootdown; run filepager 300 7; trace off; trace print",
			check: func(output string) error {
				return checkTrace(output, "page fault", "request READ", "packet READ", "supply", "shootdown", "wake")
			}})

	// A pager that never answers: warned of each second, given up in the third.
	const patient = wait + "1 " + timeout + "3"
	for _, w := range []struct{ way, command, message, sent string }{
		{"fault", "READ", " message", "[sent, on the port]"},
		{"write", "DIRTY", " message", "[sent, on the port]"},
		{"taken", "READ", " no message", "[sent, taken from the port]"},
		{"closed", "READ", " no message", "[sent, taken from the port]"},
	} {
		request := w.command + ` +\[0x0, 0x1000\)`
		sent := strings.NewReplacer("[", `\[`, "]", `\]`).Replace(w.sent)
		warning := func(seconds string) string {
			return folded(`WARNING Page source of VMO \d+, pager \d+, key 0x57a11 has been blocked for ` + seconds + ` seconds with` + w.message + ` waiting on port\.\n` +
				`.*1 requests\n  VMO \d+ ` + request + ` pending 0x1000 overlap 0 ` + sent + `, thread \d+, ` + seconds + ` s\n`)
		}
		list = append(list, boot{name: "a pager that never answers: " + w.way, append: patient, fails: true, timeout: "60",
			commands: "start stall " + w.way + "; wait 0.5; threads; vmo; vmo stalled; pager; pager stall; wait; counters; run hello; mem",
			want: []string{`stall .* still runs`, `blocked: pager +stall/`, request + ` of VMO \d+, pager \d+ ` + sent + `, [01]\.\d+ s`,
				`\d+ +\d+ +16K +.* stalled\n`, `VMO \d+ stalled: pages come from pager \d+, key 0x57a11`, request + ` .*0x1000 +0 +[01]\.\d+ s +\d+ +stall/\S+\n +` + sent,
				`\d+ +0x80\S+ +16K +0x0 +rw- +stall\n`, `\d+ +1 +(1 +0|0 +1)  process \d+ stall`,
				`0x57a11 +\d+ +16K .* stalled\n`, request + ` .*0x1000 +0 +[01]\.\d+ s +\d+ +stall/\S+\n +` + sent,
				warning("1"), warning("2"), folded(`ERROR Page source of VMO \d+, pager \d+, key 0x57a11 has been blocked for 3 seconds\. Page request timed out: ` + w.command),
				`ZX_EXCP_FATAL_PAGE_FAULT`, `synth_code +ZX_ERR_TIMED_OUT \(-21\)`, `instruction  mov`,
				`timed_out_requests +1 `, `overtime_waits +2 `, `hello from ring 3`, `VMOs of pagers +0 `, `anonymous VMOs +0 `, `page trees +0 `, `other frames +0 `},
			refuse: []string{folded(`for 4 seconds`), `the page came`}})
	}
	return append(list,
		boot{name: "words of the command line", smp: "4", disk: d.test, append: "smp=2 mem=300M quiet smp=zero mem=7Q console=tty9 disk=virtio0",
			commands: "cpus; mem; sum PAGE.BIN",
			want: []string{`option "quiet": unknown; ignored`, `option "smp=zero": no number of CPUs; ignored`, `option "mem=7Q": no size; ignored`, `option "console=tty9": no such device: "tty9"; ignored`,
				`\n2 CPUs`, `RAM +299M`, d.sums["PAGE.BIN"]}},
		boot{name: "zx_vmo_read that nobody answers", append: wait + "0 " + timeout + "1", commands: "run stall read; run hello",
			want: []string{`ERROR Page source`, `zx_vmo_read: ZX_ERR_TIMED_OUT`, `hello from ring 3`}, refuse: []string{`WARNING`}},
		boot{name: "no timeout before its time", commands: "start stall fault; wait 25; threads; kill stall; wait", timeout: "60",
			want: []string{folded(`WARNING [^.]* blocked for 20 seconds`), `still runs`, `blocked: pager`, `stall .* was killed`}, refuse: []string{`ERROR`}},
		boot{name: "overtime never", append: wait + "0 " + timeout + "0", timeout: "60",
			commands: "run hello; mem; start stall fault; start stall taken; start stall read; wait 5; threads; kill stall; wait; mem",
			want:     []string{`stall .* still runs`, `blocked: pager`, `(stall .* was killed\n){3}`},
			refuse:   []string{`WARNING`, `ERROR`, `TIMED_OUT`}, check: sameFree},
		boot{name: "boot options that are none", append: wait + "soon kernel.oom.enable=true", commands: "mem",
			want: []string{`option "kernel\.userpager\.overtime_wait_seconds=soon": not a number of seconds .*; ignored`,
				`option "kernel\.oom\.enable=true": unknown; there are: kernel\.userpager.*; ignored`, `free frames`}},
		boot{name: "boot options on q35", machine: "q35", append: timeout + "2", fails: true, commands: "run stall fault",
			want: []string{`synth_code +ZX_ERR_TIMED_OUT`}},
	)
}

// folded is a pattern of text that may go on on the next line.
func folded(pattern string) string {
	return strings.NewReplacer(" +", `\s+`, " ", `\s+`).Replace(pattern)
}
