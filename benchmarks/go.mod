module github.com/sargas-em/em/benchmarks

go 1.26

replace github.com/sargas-em/em => ../

require (
	github.com/sargas-em/em v0.0.0
	golang.org/x/sys v0.43.0
)

require github.com/sigurn/crc16 v0.0.0-20211026045750-20ab5afb07e3 // indirect
