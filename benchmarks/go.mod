module github.com/sargas-em/em/benchmarks

go 1.26

replace github.com/sargas-em/em => ../
