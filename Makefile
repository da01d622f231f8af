# Mizzen's two commands are `make up` and `make test`; the README begins with them.

SHELL := /bin/bash
KUBECONFIG ?=
SECONDS ?= 60

.PHONY: help up down build test soak attack bench format lint schemas clean fuzz sanitize

help:
	@echo "make up                    build, start everything on a small demo cluster, and show a tour"
	@echo "make up KUBECONFIG=FILE    the same on the cluster that FILE names (nothing in it is changed)"
	@echo "make down                  stop everything that make up started"
	@echo "make build                 build the release binaries into .build/release"
	@echo "make test                  build and run all tests, and print the ten slowest suites"
	@echo "make soak                  the same with the long form of every test that has one, and the attack: half an hour"
	@echo "make attack                attack the record table from separate processes: reads, kills, stops, power losses, full size"
	@echo "make fuzz SECONDS=60       attack every fuzz target that long; the first build takes as long as that of the tests"
	@echo "make sanitize              table and stream tests under the thread and address sanitizers, 10 minutes each at first"
	@echo "make bench                 measure: ratios inside one run, instructions, allocations"
	@echo "make format, make lint     rewrite, or check, the layout of the code"
	@echo "make schemas               regenerate the C code of the message schemas and the Swift views of the messages"

# KUBECONFIG in the environment is the user's default cluster, not a wish to run Mizzen there: only the command line counts.
up:
	@scripts/up $(if $(filter command line,$(origin KUBECONFIG)),"$(KUBECONFIG)")

down:
	@scripts/down

build:
	@scripts/requirements build
	@scripts/build

test:
	@scripts/requirements test
	@scripts/test

soak:
	@scripts/requirements test
	@scripts/soak

attack:
	@scripts/requirements build
	@scripts/attack

bench:
	@scripts/requirements bench
	@scripts/bench

fuzz:
	@scripts/requirements build
	@scripts/fuzz --seconds $(SECONDS)

sanitize:
	@scripts/requirements test
	@scripts/sanitize

format:
	swift format format --in-place --recursive --parallel Package.swift Sources Tests

lint:
	@scripts/lint

schemas:
	scripts/schemas

clean:
	rm -rf .build run
