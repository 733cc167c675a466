# SPDX-License-Identifier: Apache-2.0
# A thin front of meson; every target works on a fresh Debian 12 as root.
.PHONY: all deps demo check check-long escape install bench fuzz format lint clean

BUILD := build

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

deps:
	tools/install-deps

demo: deps
	$(MAKE) all
	tests/demo

check: deps
	$(MAKE) all
	tools/run-tests check

check-long: deps
	tools/install-deps --long
	$(MAKE) all
	[ -f build-asan/build.ninja ] || CC=clang meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-asan
	tools/run-tests check-long

escape: deps
	$(MAKE) all
	GABION_BUILD=$(CURDIR)/$(BUILD) /usr/bin/python3 -m pytest -q -p no:cacheprovider --table tests/escape

install: all
	meson install -C $(BUILD)

bench: deps
	tools/install-deps --long
	$(MAKE) all
	bench/run

fuzz: deps
	tools/fuzz 60

format:
	clang-format -i $$(git ls-files 'src/*.c' 'src/*.h')

lint:
	tools/lint

clean:
	rm -rf $(BUILD) build-asan build-fuzz
