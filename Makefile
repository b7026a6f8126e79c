# SPDX-License-Identifier: GPL-2.0

KDIR ?= /lib/modules/$(shell uname -r)/build
INSTALL_MOD_PATH ?= $(DESTDIR)

# Where it is used, a + has make lend it its job slots.
kbuild = $(MAKE) -C '$(KDIR)' M='$(CURDIR)/module' $(if $(W),W=$(W)) $(if $(C),C=$(C))

# Asked only where it is used: a machine that tests may have no headers of its own.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	'$(KDIR)/include/generated/utsrelease.h')
installed = $(INSTALL_MOD_PATH)/lib/modules/$(release)

PREFIX ?= /usr
systemddir ?= $(PREFIX)/lib/systemd
udevdir ?= $(PREFIX)/lib/udev
mandir ?= $(PREFIX)/share/man
completiondir ?= $(PREFIX)/share/bash-completion/completions
# initramfs-tools looks nowhere else.
initramfsdir ?= /usr/share/initramfs-tools

# All that is installed beside the module: its mode, what it is here, and there.
define tools_installed
755 scripts/tools/kftp $(PREFIX)/bin/kftp
755 build/kftp-state $(PREFIX)/libexec/kftp/kftp-state
644 scripts/tools/completion $(completiondir)/kftp
644 scripts/tools/man/kftp.8 $(mandir)/man8/kftp.8
644 scripts/tools/man/kftp.conf.5 $(mandir)/man5/kftp.conf.5
644 scripts/tools/man/kftp.4 $(mandir)/man4/kftp.4
644 scripts/tools/systemd/kftp@.service $(systemddir)/system/kftp@.service
644 scripts/tools/systemd/kftp-done@.service $(systemddir)/system/kftp-done@.service
644 scripts/tools/systemd/kftp-jobs.target $(systemddir)/system/kftp-jobs.target
644 scripts/tools/systemd/modprobe@kftp.service.d/kftp.conf $(systemddir)/system/modprobe@kftp.service.d/kftp.conf
755 scripts/tools/systemd/kftp-generator $(systemddir)/system-generators/kftp-generator
644 scripts/tools/udev/60-kftp.rules $(udevdir)/rules.d/60-kftp.rules
755 scripts/tools/initramfs/hook $(initramfsdir)/hooks/kftp
644 scripts/tools/initramfs/conf-hook $(initramfsdir)/conf-hooks.d/kftp
755 scripts/tools/initramfs/boot $(initramfsdir)/scripts/init-premount/kftp
endef
export tools_installed

# An administrator's, empty at first; passwords are for nobody else to read.
define dirs_installed
755 /etc/kftp/jobs
755 /etc/kftp/done.d
755 /etc/kftp/initramfs
700 /etc/kftp/credentials
endef
export dirs_installed

# A root that is being put together has no modules of the kernel's to go by yet.
depmod = if [ -e '$(installed)/modules.order' ]; then \
	depmod -a $(if $(INSTALL_MOD_PATH),-b '$(INSTALL_MOD_PATH)') '$(release)'; fi

.PHONY: all
all: modules tools

.PHONY: modules
modules: headers
	+$(kbuild) modules

.PHONY: tools
tools: build/kftp-state

build/kftp-state: scripts/tools/kftp-state.c include/uapi/kftp.h
	@mkdir -p build
	$(CC) -std=gnu11 -O2 -Wall -Wextra $(CPPFLAGS) -Iinclude/uapi $(CFLAGS) $(LDFLAGS) -o $@ $<

# systemd and udev of the machine that this runs on, not of a root that is being
# put together, are told what is new and what has gone.
reload = if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then \
	systemctl daemon-reload && { ! [ -e /run/udev/control ] || udevadm control --reload; }; fi

.PHONY: install
install: install-modules install-tools

.PHONY: install-modules
install-modules: modules
	+$(kbuild) modules_install INSTALL_MOD_PATH='$(INSTALL_MOD_PATH)' \
		INSTALL_MOD_DIR=updates CONFIG_MODULE_SIG_ALL=
	$(depmod)

# The files that know where the command and its helper are.
.PHONY: install-tools
install-tools: tools
	@echo "$$dirs_installed" | while read -r mode dir; do \
		install -v -d -m $$mode "$(DESTDIR)$$dir" || exit; done
	@echo "$$tools_installed" | while read -r mode from to; do \
		install -v -D -m $$mode $$from "$(DESTDIR)$$to" || exit; done
	@[ '$(PREFIX)' = /usr ] || sed -i \
		's|/usr/bin/kftp|$(PREFIX)/bin/kftp|; s|/usr/libexec/kftp|$(PREFIX)/libexec/kftp|' \
		'$(DESTDIR)$(systemddir)/system/kftp@.service' \
		'$(DESTDIR)$(initramfsdir)/hooks/kftp' '$(DESTDIR)$(PREFIX)/bin/kftp'
	@$(reload)

.PHONY: uninstall
uninstall: uninstall-modules uninstall-tools

.PHONY: uninstall-modules
uninstall-modules: headers
	rm -f '$(installed)'/updates/kftp.ko*
	! [ -d '$(installed)/updates' ] || rmdir --ignore-fail-on-non-empty '$(installed)/updates'
	$(depmod)

# What an administrator put into /etc/kftp stays, and so do directories that have
# anything of others.
.PHONY: uninstall-tools
uninstall-tools:
	@[ -n '$(DESTDIR)' ] || ! [ -d /run/systemd/system ] || { \
		systemctl --quiet disable kftp-jobs.target; \
		systemctl stop kftp-jobs.target 'kftp@*.service' 'kftp-done@*.service'; \
		systemctl reset-failed 'kftp@*.service' 'kftp-done@*.service'; } || true
	@echo "$$tools_installed" | while read -r _ _ file; do \
		rm -v -f "$(DESTDIR)$$file" || exit; done
	@for dir in '$(PREFIX)/libexec/kftp' '$(systemddir)/system/modprobe@kftp.service.d' \
		'$(mandir)/man4' '$(mandir)/man5' '$(mandir)/man8' \
		'$(initramfsdir)/scripts/init-premount' \
		$$(echo "$$dirs_installed" | cut -d ' ' -f 2) /etc/kftp; do \
		! [ -d "$(DESTDIR)$$dir" ] || \
			rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$dir" || exit; done
	@! [ -d '$(DESTDIR)/etc/kftp' ] || echo 'left as it is: $(DESTDIR)/etc/kftp'
	@$(reload)

.PHONY: headers
headers:
	@test -e '$(KDIR)/Makefile' || { \
		echo 'no kernel headers in $(KDIR): install them, or say KDIR=' >&2; \
		exit 1; }

# What follows installs what it needs, and asks nothing of this machine's kernel.

# What narrows them.
export KERNEL TESTS FILTER ROUNDS BENCH COUNT VERSION SECONDS MINUTES SEED

.PHONY: check
check:
	@scripts/check

.PHONY: check-more
check-more:
	@scripts/check --more

.PHONY: check-all
check-all:
	@scripts/check --all

.PHONY: check-stress
check-stress:
	@scripts/check --stress

.PHONY: check-debug
check-debug:
	@scripts/check --debug

.PHONY: report
report:
	@scripts/report

.PHONY: check-unit
check-unit:
	@scripts/check --unit

.PHONY: check-system
check-system:
	@scripts/check --system

.PHONY: check-power
check-power:
	@scripts/powercut

.PHONY: fuzz
fuzz:
	@scripts/fuzz

.PHONY: coverage
coverage:
	@scripts/coverage

.PHONY: soak
soak:
	@scripts/soak

.PHONY: demo
demo: KERNEL = 6.12
demo: guest
	@scripts/guest run --kernel $(KERNEL) --plain -- /kftp/tests/guest/demo

.PHONY: bench
bench: KERNEL := $(or $(KERNEL),6.12)
bench: guest
	@scripts/deps bench
	@scripts/bench

.PHONY: shell
shell: KERNEL := $(or $(KERNEL),6.12)
shell: guest
	@scripts/guest shell --kernel $(KERNEL)

# All that a guest of KERNEL boots from, and the module for it.
.PHONY: guest
guest:
	@scripts/deps demo
	@scripts/image >/dev/null
	@scripts/module $(KERNEL)

.PHONY: deb
deb:
	@scripts/deb

.PHONY: modules-for
modules-for:
	@scripts/deps build
	@scripts/module $(KERNEL)

.PHONY: lint
lint:
	@scripts/lint

.PHONY: clean
clean:
	rm -rf build
	cd module && rm -f *.ko *.mod *.mod.c *.o .*.o .*.cmd .*.d Module.symvers modules.order

.PHONY: distclean
distclean: clean
	@scripts/kernel --remove
	@scripts/image --remove

define help
For the kernel that runs, or that of KDIR=/lib/modules/.../build:

  make                build the module, in module/ (W=1 warns more, C=2 asks
                      sparse), and what the command kftp needs, in build/
  make install        install both, or only one: install-modules, install-tools
                      (DESTDIR, INSTALL_MOD_PATH, PREFIX=/usr/local)
  make uninstall      take them away again: uninstall-modules, uninstall-tools

Without loading anything here: a Debian guest under QEMU, made at the first use.
Each installs the Debian packages that it misses, as root or through sudo.

  make deb            the packages kftp-dkms and kftp-tools, in build/deb
  make demo           watch a session
  make check          test: unit tests, then in guests what none should do to each
                      kernel, and what users are promised with the newest
                      (KERNEL=6.1, TESTS='transfer.bats', FILTER='resolve')
  make check-more     what that leaves out: the same with the older kernel, and
                      the command, units and examples
  make check-all      both of these and what takes long, and whole machines
  make check-stress   races, faults and chance, at length
  make check-debug    the worst of all in kernels that look for races, and for
                      what is used, locked or lost wrongly (KERNEL=kasan,
                      TESTS='matrix'); they are built first
  make report         run all of that, and print a table
  make check-unit     only the unit tests
  make check-system   only whole machines: what is packaged, and what happens
                      at boot (TESTS='packages')
  make fuzz           feed the parsers with what a fuzzer makes up, in user space
                      (SECONDS=600)
  make coverage       which lines and branches of the parsers the unit tests and
                      the fuzzers' inputs reach
  make check-power    cut a guest's power in mid-transfer, and again (ROUNDS=50)
  make soak           64 jobs at a time over a bad network, to servers and file
                      systems that fail (MINUTES=10, KERNEL=6.1, SEED=1)
  make bench          what transfers cost, beside other clients: tables, and
                      build/bench-KERNEL.csv and .svg (KERNEL=6.1,
                      BENCH='get-ext4 put', COUNT=no to take the time)
  make shell          a guest to try things in (KERNEL=6.1)
  make lint           gcc W=1, sparse, coccinelle, checkpatch, clang-tidy,
                      shellcheck and others

  make clean          remove what was built
  make distclean      the guest's image and the debug kernels in the cache, too
endef
export help

.PHONY: help
help:
	@echo "$$help"
