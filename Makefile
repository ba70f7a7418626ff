# Faultline. "make help" lists the targets and the knobs.

# Knobs: make run MEM=256M CMDS='ls'
MACHINE ?= microvm ## microvm, q35 or pc
LOADER  ?= pvh     ## pvh, multiboot2, linux, uefi, iso-bios, iso-uefi or usb
CPU     ?= max     ## max, EPYC, Skylake-Client, qemu64, any other of QEMU's
MEM     ?= 512M    ## RAM, 256M and up
SMP     ?= 1       ## CPUs given to the machine
ACCEL   ?= tcg     ## tcg, or kvm where it works
DISK    ?=         ## a FAT32 image; a demo disk is made when empty
DISKIF  ?= virtio  ## how DISK is attached: virtio, nvme or ram
CMDS    ?=         ## console commands, split by ";": run them and power off
PROGRAM ?=         ## a ring-3 ELF program: run it, status is its exit code
ARGS    ?=         ## its arguments
PRIVILEGED ?=      ## 1: it gets the system resource, and may pin memory and map devices
TIMEOUT ?=         ## seconds a run with CMDS or PROGRAM may take (default 60)
FUZZTIME ?= 20s    ## time for each fuzz target
CUTS    ?= 1000    ## moments that make powercut looks at
RUNG    ?=         ## what make profile looks into [missing_page]
TRACE   ?=         ## watch: a trace that make trace wrote, instead of a machine
HISTORY ?=         ## bench-report: a folder with bench.json files of earlier commits
ONLY    ?=         ## conform: the tests whose "ID VARIANT" matches, P0.. or W1; boot-matrix, hostile: the rows
SOAK    ?= 300s    ## how long make soak lasts
PACKAGES ?=        ## stdtest: only packages that match this
# TAMAGO          ## a go command that knows GOOS=tamago, instead of our own
# QEMU            ## another emulator than the qemu-system-x86_64 on the path
# QEMUFLAGS       ## more options for it
# APPEND          ## the kernel's command line (docs/bringup.md)
# ICOUNT          ## 1: instructions are the clock, each run is the same
# READONLY        ## 1: the disk can not be written
# SNAPSHOT        ## 1: what is written to the disk is lost
# VERBOSE         ## 1: show QEMU's command line and warnings

# Some tests want more memory than a kernel.
STDTEST_MEM := $(if $(filter file,$(origin MEM)),1G,$(MEM))

# The comments above leave blanks behind the defaults.
$(foreach k,MACHINE LOADER DISKIF CPU MEM SMP ACCEL FUZZTIME SOAK CUTS,$(eval override $k := $(strip $($k))))

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
export MACHINE LOADER DISKIF CPU MEM SMP ACCEL CMDS PROGRAM PRIVILEGED ARGS TIMEOUT

# mkfs.fat lives in sbin, which not every path has.
export PATH := $(PATH):/usr/sbin:/sbin

B := build

# The toolchain builds itself the first time it is asked for, which takes a
# minute or two; a target that does not need it never asks. Once per make.
given := $(strip $(TAMAGO))
override TAMAGO = $(eval override TAMAGO := $$(shell go run ./toolchain $(if $(given),-use '$(given)')))$(or $(TAMAGO),$(error no toolchain, see above))

IMAGE_ENV   := GOOS=tamago GOARCH=amd64 GOAMD64=v1 GOOSPKG=github.com/usbarmory/tamago
IMAGE_FLAGS := -ldflags "-T 0x1001000 -R 0x1000"
# What is built must not depend on where, nor on GOAMD64 of who builds it.
IMAGE_BUILD := build -trimpath -buildvcs=false $(IMAGE_FLAGS)

# Go programs of ring 3: user/go is their machine, and they are linked where
# programs may lie.
GO_PROGRAM       = GOOS=tamago GOARCH=amd64 GOAMD64=v1 GOOSPKG='$(abspath user/go)' $(TAMAGO)
GO_PROGRAM_FLAGS := -trimpath -buildvcs=false -ldflags '-T 0x8000201000 -R 0x1000'

NEED = go run ./cmd/need

##@ Use

# What a loader takes; the default, microvm, knows only the first two.
IMAGE_linux      := $(B)/faultline.efi
IMAGE_uefi       := $(B)/faultline.efi
IMAGE_usb        := $(B)/faultline-usb.img
IMAGE_multiboot2 := $(B)/faultline.iso
IMAGE_iso-bios   := $(B)/faultline.iso
IMAGE_iso-uefi   := $(B)/faultline.iso
NEED_uefi        := /usr/share/ovmf/OVMF.fd
NEED_usb         := $(NEED_uefi)
NEED_iso-uefi    := $(NEED_uefi)

# A CD or a stick brings a RAM disk of its own.
DEMO_DISK := $(if $(and $(filter ram,$(DISKIF)),$(filter multiboot2 iso-bios iso-uefi usb,$(LOADER))),,$(B)/demo.img)

run: $(B)/faultline.elf $(IMAGE_$(LOADER)) $(B)/bin/qemu demo-disk ## boot; CMDS, PROGRAM, DISK say what to do
	@$(NEED) qemu-system-x86_64 $(NEED_$(LOADER))
	@DISK='$(or $(strip $(DISK)),$(DEMO_DISK))' TIMEOUT='$(or $(strip $(TIMEOUT)),$(if $(strip $(CMDS)$(PROGRAM)),60))' \
	  $(B)/bin/qemu $(B)/faultline.elf $$(test -t 0 && echo -console)

image: $(B)/faultline.elf $(B)/faultline.efi $(B)/faultline.iso $(B)/faultline-usb.img ## build/faultline.elf, .efi, .iso and -usb.img: one kernel for every loader (docs/bringup.md)
	@ls -l $^

# One folder with Go files in it; a list of C files is none.
OURS_ONLY := a Go program for ring 3 needs our own toolchain, so leave TAMAGO unset: the official runtime asks Linux for its FS base
GO_SRC = $(if $(filter 1,$(words $(SRC))),$(wildcard $(SRC)/*.go))

program: $(B)/user/libzx.a ## compile a ring-3 program: SRC='a.c b.cc' or SRC=./gofolder, OUT=prog.elf; CC, CFLAGS, LIBS
	@test -n '$(SRC)' -a -n '$(OUT)' || { echo "usage: make program SRC='a.c b.cc' OUT=prog.elf [CC=clang] [CFLAGS=...] [LIBS=...], or SRC=./folder of a Go program" >&2; exit 2; }
	@$(if $(GO_SRC),$(TAMAGO) env GOVERSION | grep -q faultline || { echo "$(OURS_ONLY)" >&2; exit 2; }; cd '$(SRC)' && $(GO_PROGRAM) build $(GO_PROGRAM_FLAGS) -o '$(abspath $(OUT))' .,CC='$(if $(filter default,$(origin CC)),gcc,$(CC))' user/cc -g $(CFLAGS) -o '$(OUT)' $(SRC) $(LIBS))

watch: $(B)/bin/watch $(if $(strip $(TRACE)),,$(B)/faultline.elf $(B)/bin/qemu demo-disk) ## boot, and show pages and faults live in a browser; or a trace: TRACE=t.json
	@$(if $(strip $(TRACE)),,$(NEED) qemu-system-x86_64)
	@DISK='$(or $(strip $(DISK)),$(B)/demo.img)' $(B)/bin/watch $(if $(strip $(TRACE)),-trace '$(TRACE)',$(B)/bin/qemu $(B)/faultline.elf $$(test -t 0 && echo -console))

test-watch: $(B)/faultline.elf $(B)/bin/qemu demo-disk ## drive the page of make watch in headless Chromium, beside a machine
	@$(NEED) qemu-system-x86_64
	@MACHINE= CPU= MEM= SMP= CMDS= PROGRAM= DISK='$(abspath $(B)/demo.img)' WATCH_RUNNER='$(abspath $(B)/bin/qemu)' WATCH_IMAGE='$(abspath $(B)/faultline.elf)' \
	  go test -count=1 -v ./cmd/watch

trace: $(B)/faultline.elf $(B)/bin/qemu demo-disk ## record what CMDS or a PROGRAM do, for a trace viewer: OUT=t.json
	@$(NEED) qemu-system-x86_64
	@test -n '$(strip $(CMDS)$(PROGRAM))' -a -n '$(OUT)' || { echo "usage: make trace CMDS='sum POEM.TXT' OUT=t.json, or PROGRAM=prog.elf ARGS=..." >&2; exit 2; }
	@DISK='$(or $(strip $(DISK)),$(B)/demo.img)' $(if $(strip $(PROGRAM)),,CMDS='trace on; $(CMDS); trace off; trace print') TIMEOUT='$(or $(strip $(TIMEOUT)),120)' \
	  $(B)/bin/qemu $(B)/faultline.elf $(if $(strip $(PROGRAM)),-trace) >$(B)/trace.log; status=$$?; \
	  sed -n '/^-- trace begins/,/^-- trace ends/{/^-- trace/d;s/\r$$//;p}' $(B)/trace.log >'$(OUT)'; \
	  sed '/^-- trace begins/,/^-- trace ends/d' $(B)/trace.log; test $$status = 0 && test -s '$(OUT)'

conform: $(B)/faultline.elf $(B)/bin/qemu $(B)/bin/conform ## ring-3 conformance tests; ONLY=P0.. picks some
	@$(NEED) qemu-system-x86_64
	@$(B)/bin/conform -only '$(ONLY)' -json $(B)/conform.json $(B)/bin/qemu $(B)/faultline.elf

##@ Measure

bench: $(B)/faultline.elf $(B)/bin/qemu $(B)/bin/bench ## count the instructions of each rung of the ladder
	@$(NEED) qemu-system-x86_64
	@$(B)/bin/bench run
	@$(B)/bin/bench report

bench-boot: image $(B)/bin/qemu $(B)/bin/bench ## the same of a boot by each loader: minutes, most of them firmware's
	@$(NEED) qemu-system-x86_64 $(NEED_uefi)
	@$(B)/bin/bench boots

bench-peer: $(B)/bin/bench ## the same of Linux's userfaultfd, on Debian's kernel in the same QEMU
	@$(NEED) qemu-system-x86_64 gcc
	@$(B)/bin/bench peer
	@$(B)/bin/bench report

bench-report: $(B)/bin/bench ## both side by side: build/bench.json, build/bench.html; HISTORY=folder of earlier ones
	@$(B)/bin/bench report -history '$(HISTORY)'

bench-docs: $(B)/faultline.elf $(B)/bin/qemu $(B)/bin/bench $(B)/bin/profile ## the figures of docs/performance.md, from what was measured
	@$(B)/bin/bench docs

bench-smp: $(B)/faultline.elf $(B)/bin/qemu ## what 2 CPUs, or SMP, do at once beside one: build/bench-smp.json, ratios within one run
	@$(NEED) qemu-system-x86_64
	@MACHINE= CMDS= SMP='$(if $(filter 1,$(SMP)),2,$(SMP))' PROGRAM=user/bin/benchsmp ARGS= TIMEOUT=120 $(B)/bin/qemu $(B)/faultline.elf > $(B)/bench-smp.txt || { cat $(B)/bench-smp.txt; exit 1; }
	@(echo '['; grep '^{' $(B)/bench-smp.txt | sed '$$!s/$$/,/'; echo ']') > $(B)/bench-smp.json
	@cat $(B)/bench-smp.json

bench-smp-peer: $(B)/bin/bench ## the same of Linux, on Debian's kernel in the same QEMU: build/bench-smp-peer.json
	@$(NEED) qemu-system-x86_64 gcc
	@SMP='$(if $(filter 1,$(SMP)),2,$(SMP))' $(B)/bin/bench smp-peer

bench-smp-lines: $(B)/faultline.elf $(B)/bin/qemu ## with 1, 2 and 4 CPUs: instructions a fault, a call and a supply of 256 pages, and cache lines that CPUs share in it: build/lines-ROW-N.txt; ONLY=fault
	@$(NEED) qemu-system-x86_64 gcc
	@gcc -O2 -Wall -Wextra -shared -fPIC -o $(B)/lines.so bench/plugin/lines.c \
	  -DPLUGIN_VERSION=$$(qemu-system-x86_64 --version | awk '/version/ { print $$4+0 < 9 ? 1 : $$4+0 < 9.1 ? 2 : 3 }')
	@for row in $(or $(ONLY),fault call supply); do for n in 1 2 4; do to=$(B)/lines-$$row-$$n.txt; skip=$$([ $$row = supply ] && echo 64 || echo 1024); \
	  MACHINE= CMDS= SMP=$$n PROGRAM=user/bin/benchsmp ARGS="count $$row" TIMEOUT=300 QEMUFLAGS="-plugin $(B)/lines.so,out=$$to,skip=$$skip" \
	    $(B)/bin/qemu $(B)/faultline.elf > $(B)/lines.log || { cat $(B)/lines.log; exit 1; }; \
	  echo "$$row, $$n CPUs:"; grep '^cpu' $$to; echo "$$(grep -c '^line' $$to) lines that a CPU writes and another touches"; done; done

strain: $(B)/faultline.elf $(B)/bin/qemu ## for minutes, on 4 CPUs: writers, writers and one in their way, 10,000 processes, 10,000,000 random calls
	@$(NEED) qemu-system-x86_64
	@DISK= SMP=4 TIMEOUT=3600 CMDS='run writers 120; run writers 120 2 beside; run grind churn 10000; run history 1 1000000; run grind 1 10000000' \
	  $(B)/bin/qemu $(B)/faultline.elf

profile: $(B)/faultline.elf $(B)/bin/qemu $(B)/bin/profile $(B)/bin/bench ## where the instructions of a rung go, by symbol, as flame graph and for pprof: RUNG=write_trap
	@$(NEED) qemu-system-x86_64
	@$(B)/bin/bench rung '$(or $(strip $(RUNG)),missing_page)'
	@$(B)/bin/profile -rung '$(or $(strip $(RUNG)),missing_page)' \
	  -folded $(B)/profile.folded -pprof $(B)/profile.pb.gz -flame $(B)/profile.html $(PROFILEFLAGS)
	@echo 'flame graph: $(B)/profile.html; stacks: $(B)/profile.folded, $(B)/profile.pb.gz (go tool pprof)' >&2

##@ Work on it

test: host-tools programs ## every test, one summary at the end
	@TAMAGO='$(TAMAGO)' go run ./cmd/testall

boot-matrix: host-tools programs ## every loader x q35, pc x virtio, nvme, RAM disk x 1, 4 CPUs; Bochs
	@$(NEED) bochs /usr/share/bochs/BIOS-bochs-latest /usr/share/vgabios/vgabios.bin
	@TAMAGO='$(TAMAGO)' go run ./cmd/testall -matrix -run '$(ONLY)'

lint: programs ## vet, gofmt, the rules of the house
	@TAMAGO='$(TAMAGO)' go run ./cmd/testall -only lint

powercut: host-tools programs ## rebuild a disk as it stands when the power goes, at CUTS moments
	@TAMAGO='$(TAMAGO)' go run ./cmd/testall -cuts $(CUTS)

mutants: host-tools $(B)/faultline.elf $(B)/bin/qemu ## take each step of a shootdown out: a test must fail, three times of three
	@TAMAGO='$(TAMAGO)' go run ./cmd/testall -mutants 3

hostile: host-tools programs ## hoard everything in every way at 128M, 512M, 2G; ten million random calls beside a bystander; ONLY=
	@TAMAGO='$(TAMAGO)' go run ./cmd/testall -hostile -run '$(ONLY)'

fuzz: ## every fuzz target for FUZZTIME
	@go run ./cmd/testall -fuzz $(FUZZTIME)

stdtest: $(B)/bin/qemu ## the standard library's own tests on our toolchain, in QEMU
	@$(NEED) qemu-system-x86_64
	@MEM='$(STDTEST_MEM)' go run ./toolchain/stdtest -board faultline/board/qemu/faultpanic -exec '$(abspath $(B)/bin/qemu) -timeout 12m' \
	  $(IMAGE_FLAGS) -timeout 10m -packages '$(strip $(PACKAGES))'

soak: $(B)/bin/qemu ## keep a Go runtime busy in QEMU for SOAK
	@$(NEED) qemu-system-x86_64
	@$(IMAGE_ENV) $(TAMAGO) $(IMAGE_BUILD) -tags board -o $(B)/soak.elf ./toolchain/soak
	@$(B)/bin/qemu -timeout 1h $(B)/soak.elf -for '$(SOAK)'

debug: $(B)/faultline.elf $(B)/bin/qemu demo-disk ## QEMU stopped at reset, and a GDB that knows threads, pt VA, vmo, regs
	@$(NEED) qemu-system-x86_64 gdb
	@echo 'Ctrl-C stops the guest. The console: (gdb) console COMMAND; its output is $(B)/debug.log (tail -f it)'
	@rm -f $(B)/debug.in; mkfifo $(B)/debug.in
	@GDB=$(or $(GDB),1234) DISK='$(or $(strip $(DISK)),$(B)/demo.img)' setsid $(B)/bin/qemu $(B)/faultline.elf -console <>$(B)/debug.in >$(B)/debug.log 2>&1 & \
	  runner=$$!; trap : INT; trap 'kill $$runner 2>/dev/null; exit 1' HUP TERM; sleep 1; \
	  goroot=$$($(TAMAGO) env GOROOT); \
	  gdb -q -ex "directory $$goroot/src" -ex 'set substitute-path faultline $(CURDIR)' -ex "source $$goroot/src/runtime/runtime-gdb.py" -ex 'source tools/faultline_gdb.py' \
	    -ex 'set tcp connect-timeout 30' -ex 'target remote 127.0.0.1:$(or $(GDB),1234)' -ex 'hbreak main.main' -ex continue $(GDBFLAGS) $(B)/faultline.elf; \
	  kill $$runner 2>/dev/null; wait $$runner; true

clean: ## remove everything built (the toolchain stays in the user's cache)
	rm -rf $(B)
	find user/bin -type f ! -name README.md ! -name .gitignore -delete

help: ## this text
	@awk -F '##' '/^##@/ { print "\n" substr($$2, 3) ":" } \
	  /^[a-z-]+:.*## / { split($$1, t, ":"); printf "  make %-15s %s\n", t[1], $$2 }' $(MAKEFILE_LIST)
	@echo; echo 'Knobs (make run MEM=256M CPU=EPYC):'
	@awk -F '##' '/^(# )?[A-Z]+ .*## / { gsub(/^# /, "", $$1); split($$1, w, /[ ?=]+/); \
	  printf "  %-11s%s%s\n", w[1], $$2, (w[2] != "" ? " [" w[2] "]" : "") }' $(MAKEFILE_LIST)

# --- What is built

.PHONY: run trace watch test-watch image boot-matrix bench bench-boot bench-smp bench-smp-peer bench-smp-lines strain bench-peer bench-report bench-docs profile conform debug program test lint fuzz powercut mutants hostile stdtest soak clean help programs host-tools demo-disk FORCE

# go build knows itself what changed; a target of FORCE asks it each time.
$(B)/faultline.elf: programs $(B)/bin/mkimage FORCE
	@mkdir -p $(B)
	@$(IMAGE_ENV) $(TAMAGO) $(IMAGE_BUILD) -o $(B)/kernel.elf ./cmd/faultline
	@$(B)/bin/mkimage elf $(B)/kernel.elf $@

# An image with a file replaced, for make mutants.
$(B)/mutant.elf: $(B)/bin/mkimage FORCE
	@$(IMAGE_ENV) $(TAMAGO) $(IMAGE_BUILD) -overlay '$(OVERLAY)' -o $(B)/mutant.kernel ./cmd/faultline
	@$(B)/bin/mkimage elf $(B)/mutant.kernel $@

$(B)/faultline.efi: $(B)/faultline.elf $(B)/setup.bin
	@$(B)/bin/mkimage efi $(B)/setup.bin $(B)/kernel.elf $@

$(B)/setup.bin: cmd/mkimage/setup.S
	@$(NEED) gcc ld
	@gcc -m32 -c -o $(B)/setup.o $<
	@ld -m elf_i386 -Ttext=0 --oformat binary -o $@ $(B)/setup.o

$(B)/faultline.iso: $(B)/faultline.efi $(B)/demo.img cmd/mkimage/grub.cfg
	@$(NEED) grub-mkrescue xorriso mcopy gzip /usr/lib/grub/i386-pc/moddep.lst /usr/lib/grub/x86_64-efi/moddep.lst
	@$(B)/bin/mkimage iso $(B)/faultline.elf $(B)/faultline.efi $(B)/demo.img $@

$(B)/faultline-usb.img: $(B)/faultline.efi $(B)/demo.img
	@$(NEED) mkfs.fat mcopy mmd mlabel sfdisk
	@$(B)/bin/mkimage usb $(B)/faultline.efi $(B)/demo.img $@

$(B)/bin/%: FORCE
	@mkdir -p $(B)/bin
	@go build -o $@ ./cmd/$*

firmware:
	@$(NEED) $(NEED_uefi)

host-tools:
	@$(NEED) qemu-system-x86_64 mkfs.fat mcopy gcc ld

demo-disk: $(if $(strip $(DISK)),,$(B)/demo.img)

$(B)/demo.img: | $(B)/bin/mkdisk
	@$(NEED) mkfs.fat mcopy
	@$(B)/bin/mkdisk $@

# --- Ring 3: the SDK as a library, and the programs the image carries

# Programs of strangers get -Wall; ours may not warn at all.
STRICT := -Wextra -Werror
SDK := user/cc $(shell find user/c/include -type f) $(wildcard user/c/*flags user/c/*.h)
SDK_OBJECTS := $(patsubst user/c/%,$(B)/user/%.o,$(wildcard user/c/*.c user/c/*.S))
PROGRAMS := $(patsubst user/programs/%.c,user/bin/%,$(wildcard user/programs/*.c)) user/bin/conform

programs: $(PROGRAMS)

user/bin/%: user/programs/%.c $(wildcard user/programs/*.h) $(B)/user/libzx.a
	@echo 'CC $@'
	@user/cc $(STRICT) -o $@ $<

user/bin/conform: $(wildcard user/conform/*.c user/conform/*.h) $(B)/user/libzx.a
	@echo 'CC $@'
	@user/cc $(STRICT) -o $@ $(filter %.c,$^)

$(B)/user/libzx.a: $(SDK_OBJECTS)
	@rm -f $@
	@ar rcs $@ $^

# The library must not turn its own loops into calls of itself.
$(B)/user/%.o: user/c/% $(SDK) | $(B)/user/found
	@user/cc $(STRICT) -fno-tree-loop-distribute-patterns -c -o $@ $<

$(B)/user/found:
	@$(NEED) gcc ld
	@mkdir -p $(B)/user
	@touch $@
