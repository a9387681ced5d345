package codectest

import "iter"

// places are those of n at which a frame is cut or changed: all of them. Under the
// race detector, which takes ten times as long and looks for something else, they
// are the first whole ones, the last few, and each seventh between, so that all the
// bits of a byte have their turn.
func places(n, whole int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if raceDetector && i >= whole && i < n-whole/4 && i%7 != 0 {
				continue
			}
			if !yield(i) {
				return
			}
		}
	}
}
