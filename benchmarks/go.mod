module github.com/sargas-em/em/benchmarks

go 1.26

require github.com/sargas-em/em v0.0.0

replace github.com/sargas-em/em => ../
