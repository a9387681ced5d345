package geofence

// For the tests in package geofence_test, which may import zonejson.
var (
	AppendEdge = appendEdge
	ToPoint    = toPoint
	Turn       = turn
)
