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
SHELL        = bash
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
MODULES      = . examples benchmarks
PACKAGES     = ./... ./examples/... ./benchmarks/...
FUZZTIME    ?= 3s

# Nothing uses cgo. Said once, so that all builds share their packages.
export CGO_ENABLED = 0

# The race detector needs a C compiler; in CI it is required.
RACE := $(if $(shell command -v cc gcc clang 2>/dev/null),yes,$(if $(EM_REQUIRE),$(error the race detector needs a C compiler)))

# It runs the packages in which goroutines meet: whose files, tests among them, start
# some or serve, or reach past Go's types, which it checks too. The others do all in
# the goroutine of their test: it would find nothing, and takes ten times as long. What
# they lock, the tests of those who use them from many goroutines lock too. -short leaves
# out such tests of the packages that it does run; those packages run a second time,
# without it and whole, as do those that tell their tests whether it is there.
SHARED  = ^[[:space:]]*go [a-zA-Z]|\.Go\(|AfterFunc|RunParallel|\.Parallel\(\)|"(net/http|testing/synctest|unsafe)"
# SQLite, which is C turned into Go, is left out: it is half the time of what uses it.
RACED   = -race -short $(foreach p,sqlite/lib libc/... memory,-gcflags=modernc.org/$(p)=-race=false)
PARTED  = testing\.Short\(\)|^//go:build .*race
TESTED  = $(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' $(PACKAGES)
# Tests of the record run on PostgreSQL too where a server is installed; in CI it
# is required.
POSTGRES := $(if $(wildcard /usr/lib/postgresql/*/bin/postgres),yes,$(if $(EM_REQUIRE),$(error the tests of the record need a PostgreSQL server)))

.PHONY: check fmt vet staticcheck tidy generate build cross test fuzz soak bench bench-data

check: fmt vet staticcheck tidy generate cross test fuzz
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
	$(GO) build $(PACKAGES)

cross:
	GOOS=linux GOARCH=amd64 $(GO) build $(PACKAGES)
	GOOS=linux GOARCH=arm64 $(GO) build $(PACKAGES)
	GOOS=linux GOARCH=386 $(GO) vet $(PACKAGES) # an int of 32 bits: constants that it cannot hold

# Without go vet's part of go test: vet does it all. Three packages at a time: some wait.
TEST = $(GO) test -vet=off -p 3 -timeout 30m

test:
	@set -e; tested=$$($(TESTED)); raced=; whole=; \
	while read -r p dir; do \
		if [ -n "$(RACE)" ] && grep -qsE '$(SHARED)' $$dir/*.go; then raced="$$raced $$p"; grep -qsE '$(PARTED)' $$dir/*_test.go || continue; fi; \
		whole="$$whole $$p"; \
	done <<< "$$tested"; \
	if [ -n "$$raced" ]; then echo "with the race detector:"; CGO_ENABLED=1 $(TEST) $(RACED) -shuffle=on $$raced; fi; \
	echo "without it:"; $(TEST) -shuffle=on $$whole
	$(if $(POSTGRES),EM_RECORD=postgres $(TEST) ./examples/monitoringcenter/center ./examples/monitoringcenter/center/record ./examples/monitoringcenter/center/web) # the same tests, on the other database
	$(if $(POSTGRES),EM_RECORD=postgres EM_PARTITIONS=3 $(TEST) -run 'TestPair|TestQuarantine|TestHandedOver|TestUnitOfMany|TestToldAndWithdrawn|TestLateUpload|TestBothSides' ./examples/monitoringcenter/center) # and divided

fuzz:
	@.ci/fuzz $(FUZZTIME) $(PACKAGES)

soak:
	EM_ROUNDS=$${EM_ROUNDS:-50} $(GO) test -count 1 -v -timeout 3h -run 'Killed|PowerCut|DiskFull|Database' ./examples/monitoringcenter/...

# Without make bench-data and EM_DATA there are fewer data sets: the report says so.
bench-data:
	$(GO) run ./benchmarks/geofence -build-data

bench:
	$(GO) run ./benchmarks/geofence -out .cache/benchmarks/geofence.json
