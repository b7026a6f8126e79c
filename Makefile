# SPDX-License-Identifier: GPL-2.0

KDIR ?= /lib/modules/$(shell uname -r)/build
INSTALL_MOD_PATH ?= $(DESTDIR)

kbuild = $(MAKE) -C '$(KDIR)' M='$(CURDIR)/module' $(if $(W),W=$(W)) $(if $(C),C=$(C))

# Asked only where it is used: a machine that tests may have no headers of its own.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	'$(KDIR)/include/generated/utsrelease.h')
installed = $(INSTALL_MOD_PATH)/lib/modules/$(release)

PREFIX ?= /usr
tools = scripts/tools

# A root that is being put together has no modules of the kernel's to go by yet.
depmod = if [ -e '$(installed)/modules.order' ]; then \
	depmod -a $(if $(INSTALL_MOD_PATH),-b '$(INSTALL_MOD_PATH)') '$(release)'; fi

.PHONY: all
all: modules tools

.PHONY: modules
modules: headers
	$(kbuild) modules

.PHONY: tools
tools: build/kftp-state

build/kftp-state: scripts/tools/kftp-state.c include/uapi/kftp.h
	@mkdir -p build
	$(CC) -std=gnu11 -O2 -Wall -Wextra $(CPPFLAGS) -Iinclude/uapi $(CFLAGS) $(LDFLAGS) -o $@ $<

.PHONY: install
install: install-modules install-tools

.PHONY: install-modules
install-modules: modules
	$(kbuild) modules_install INSTALL_MOD_PATH='$(INSTALL_MOD_PATH)' \
		INSTALL_MOD_DIR=updates CONFIG_MODULE_SIG_ALL=
	$(depmod)

.PHONY: install-tools
install-tools: tools
	install -D -m 755 $(tools)/kftp '$(DESTDIR)$(PREFIX)/bin/kftp'
	install -D -m 755 build/kftp-state '$(DESTDIR)$(PREFIX)/libexec/kftp/kftp-state'

.PHONY: uninstall
uninstall: headers
	rm -f '$(installed)'/updates/kftp.ko*
	$(depmod)

.PHONY: headers
headers:
	@test -e '$(KDIR)/Makefile' || { \
		echo 'no kernel headers in $(KDIR): install them, or say KDIR=' >&2; \
		exit 1; }

# What follows installs what it needs, and asks nothing of this machine's kernel.

# What narrows them.
export KERNEL TESTS FILTER ROUNDS BENCH COUNT

.PHONY: check
check:
	@scripts/check

.PHONY: check-unit
check-unit:
	@scripts/check --unit

.PHONY: check-power
check-power:
	@scripts/powercut

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
	@scripts/image --remove

define help
The module, for the kernel that runs or that of KDIR=/lib/modules/.../build:

  make                build it, in module/ (W=1 warns more, C=2 asks sparse)
  make install        install it, and depmod (DESTDIR, INSTALL_MOD_PATH)
  make uninstall      take it away again, and depmod

Without loading anything here: a Debian guest under QEMU, made at the first use.
Each installs the Debian packages that it misses, as root or through sudo.

  make demo           watch a session
  make check          test: unit tests, then each kernel in a guest
                      (KERNEL=6.12, TESTS='transfer.bats', FILTER='resolve')
  make check-unit     only the unit tests
  make check-power    cut a guest's power in mid-transfer, and again (ROUNDS=50)
  make bench          what transfers cost, beside other clients: tables, and
                      build/bench-KERNEL.csv and .svg (KERNEL=6.1,
                      BENCH='get-ext4 put', COUNT=no to take the time)
  make shell          a guest to try things in (KERNEL=6.1)
  make lint           gcc W=1, sparse, checkpatch, kernel-doc, shellcheck

  make clean          remove what was built
  make distclean      the guest's image in the cache, too
endef
export help

.PHONY: help
help:
	@echo "$$help"
