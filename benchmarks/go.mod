module github.com/sargas-em/em/benchmarks

go 1.26.0

replace github.com/sargas-em/em => ../

replace github.com/sargas-em/em/examples => ../examples

require (
	github.com/golang/geo v0.0.0-20260818125358-b200a1149890
	github.com/google/go-cmp v0.7.0
	github.com/paulmach/orb v0.14.0
	github.com/ringsaturn/tzf v1.0.2
	github.com/sargas-em/em v0.0.0
	github.com/sargas-em/em/examples v0.0.0
	github.com/tidwall/geojson v1.4.5
	github.com/tidwall/rtree v1.10.0
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/mitchellh/mapstructure v1.5.0 // indirect
	github.com/ringsaturn/tzf-rel-lite v0.0.2025-b2 // indirect
	github.com/tidwall/geoindex v1.7.0 // indirect
	github.com/twpayne/go-polyline v1.1.1 // indirect
	go.mongodb.org/mongo-driver/v2 v2.5.0 // indirect
)
