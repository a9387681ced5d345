module github.com/sargas-em/em/examples

go 1.26

require github.com/sargas-em/em v0.0.0

replace github.com/sargas-em/em => ../
