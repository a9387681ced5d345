# Every command runs from the root over all three modules (go.work).
#
#   make check        what CI runs: formatting, vet, staticcheck, tidy, generate, tests, bounded fuzzing, cross-builds
#   make test         the tests alone
#   make fuzz         every fuzz target for FUZZTIME
#   make soak         the tests of faults (kills, power cuts, servers that go) fifty rounds each
#   make bench-data   builds data sets for make bench from npm and Go packages, once
#   make bench        geofence beside other libraries, answers checked first; it takes long
#
# EM_VECTORS and EM_DATA name folders with outside frames and data; tests that
# need them say that they were skipped, or fail where EM_REQUIRE is set.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
MODULES      = . examples benchmarks
PACKAGES     = ./... ./examples/... ./benchmarks/...
FUZZTIME    ?= 3s

# The race detector needs a C compiler; in CI it is required.
RACE := $(if $(shell command -v cc gcc clang 2>/dev/null),-race,$(if $(EM_REQUIRE),$(error the race detector needs a C compiler)))

# Tests of the record run on PostgreSQL too where a server is installed; in CI it
# is required.
POSTGRES := $(if $(wildcard /usr/lib/postgresql/*/bin/postgres),yes,$(if $(EM_REQUIRE),$(error the tests of the record need a PostgreSQL server)))

.PHONY: check fmt vet staticcheck tidy generate build cross test fuzz soak bench bench-data

check: fmt vet staticcheck tidy generate build cross test fuzz
	@echo "make check: all passed"

fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt: these files are not formatted:"; echo "$$out"; exit 1; fi

vet:
	$(GO) vet $(PACKAGES)

staticcheck:
	$(GO) run $(STATICCHECK) $(PACKAGES)

tidy:
	@for m in $(MODULES); do echo "go mod tidy -diff ($$m)"; (cd $$m && GOWORK=off $(GO) mod tidy -diff) || exit 1; done

# Generated files are committed: generating again must change nothing.
generate:
	@before=$$(git status --porcelain); $(GO) generate $(PACKAGES) && after=$$(git status --porcelain); \
	if [ "$$before" != "$$after" ]; then echo "go generate changed files:"; echo "$$after"; exit 1; fi

build:
	CGO_ENABLED=0 $(GO) build $(PACKAGES)

cross:
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) build $(PACKAGES)
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build $(PACKAGES)

test:
	$(GO) test $(RACE) -shuffle=on -timeout 30m $(PACKAGES)
	$(if $(RACE),$(GO) test -run 'Memory|Allocations' . ./devices) # the race detector pads memory and allocates
	$(if $(RACE),$(GO) test ./curfew ./geofence ./examples/monitoringcenter) # what the race detector slows down too much
	$(if $(RACE),$(GO) test -run Conformance ./devices/...) # at every place of a frame: see codectest
	$(if $(POSTGRES),EM_RECORD=postgres $(GO) test ./examples/monitoringcenter/center/...) # the same tests, on the other database
	$(if $(POSTGRES),EM_RECORD=postgres EM_PARTITIONS=3 $(GO) test -run 'TestPair|TestQuarantine|TestHandedOver|TestUnitOfMany|TestToldAndWithdrawn|TestLateUpload|TestBothSides' ./examples/monitoringcenter/center) # and divided

# One target after the other; without -race, which makes fuzzing slow. The Go tool
# at times reports its own end of time as "context deadline exceeded": such a run,
# which found no failing input, is tried again.
fuzz:
	@log=$$(mktemp); trap 'rm -f $$log' EXIT; \
	$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' $(PACKAGES) | while read -r p dir; do \
		grep -qs '^func Fuzz' $$dir/*_test.go || continue; \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			for try in 1 2 3; do \
				echo "fuzz $$p $$f"; \
				$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p > $$log 2>&1 && break; \
				if grep -q 'Failing input written' $$log || ! grep -q 'context deadline exceeded' $$log || [ $$try = 3 ]; then cat $$log; exit 1; fi; \
			done; \
		done; \
	done

soak:
	EM_ROUNDS=50 $(GO) test -count 1 -v -timeout 3h -run 'Killed|PowerCut|DiskFull|Database' ./examples/monitoringcenter/...

# Without make bench-data and EM_DATA there are fewer data sets: the report says so.
bench-data:
	$(GO) run ./benchmarks/geofence -build-data

bench:
	$(GO) run ./benchmarks/geofence -out .cache/benchmarks/geofence.json
