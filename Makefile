# Everything is done by cargo xtask; these are its short names.
.DEFAULT_GOAL := help
.PHONY: help run dev build test lint fuzz bench-transfer bench-large bench-table bench-sim bench-swarm bench-play bench-wan cargo

help: ## these lines
	@sed -n 's/^\([a-z-]*\):[^#]*## /make \1 # /p' $(MAKEFILE_LIST) | column -t -s '#'

run: cargo ## build for real use and start on http://127.0.0.1:3000 (ARGS="--listen …" for the server)
	@cargo xtask run -- $(ARGS)

dev: cargo ## build quickly, start, and do it again whenever a source changes
	@cargo xtask dev -- $(ARGS)

build: cargo ## target/release/transfer4me, which needs no other file
	@cargo xtask build

test: cargo ## every check and test; ARGS="--rust" or ARGS="--end2end transfer" for a part
	@cargo xtask test $(ARGS)

lint: cargo ## formatting, lints, documentation
	@cargo xtask lint

fuzz: cargo ## a million made-up cases for everything that reads what others sent; ARGS="10000 manifest" for fewer
	@cargo xtask fuzz $(ARGS)

bench-transfer: cargo ## throughput beside that of a bare data channel
	@cargo xtask bench throughput

bench-large: cargo ## 2 GiB, and 10,000 files: time and memory
	@cargo xtask bench large

bench-table: cargo ## the table of sizes and recipients of the 2016 report
	@cargo xtask bench table_2016

bench-sim: cargo ## every topology on virtual links, and docs/seed_pool.svg; ARGS="--peers 8 --size 64" for less
	@cargo xtask simulate $(or $(ARGS),--plot docs/seed_pool.svg)

bench-swarm: cargo ## swarm against direct in real browsers, the owner's upload capped; needs network namespaces
	@cargo xtask bench seed_pool

bench-play: cargo ## from Play to sound on a line of 10 Mbit/s, beside WebTorrent, and 30 listeners; needs network namespaces
	@cargo xtask bench play
	@cargo xtask bench live

bench-wan: cargo ## our lanes against one connection by round trip and loss, and docs/wan.md; needs network namespaces
	@cargo xtask bench wan

cargo:
	@command -v cargo >/dev/null || { \
	  echo "Rust is needed and cargo was not found: install it with rustup (rustup.rs), then open a new shell." >&2; \
	  exit 1; }
