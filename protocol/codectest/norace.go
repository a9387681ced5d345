//go:build !race

package codectest

const raceDetector = false
