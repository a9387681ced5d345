package center

import (
	"testing"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// A page that does not keep up is cut off behind what it got, without gaps; the
// others get everything.
func TestHubCutsSlowPages(t *testing.T) {
	h := newHub()
	slow, cancelSlow := h.subscribe()
	quick, cancelQuick := h.subscribe()
	gone, cancelGone := h.subscribe()
	cancelGone()
	const items = 3 * subscriberQueue
	for n := int64(1); n <= items; n += 2 {
		h.publish([]record.FeedItem{{N: n}, {N: n + 1}})
		for i := range int64(2) {
			if item := <-quick; item.N != n+i {
				t.Fatalf("item %d instead of %d", item.N, n+i)
			}
		}
	}
	var got int64
	for item := range slow {
		if got++; item.N != got {
			t.Fatalf("item %d follows %d", item.N, got-1)
		}
	}
	if got != subscriberQueue {
		t.Errorf("the slow page got %d items, want %d", got, subscriberQueue)
	}
	if len(gone) > 0 {
		t.Errorf("a page that has gone got %d items", len(gone))
	}
	cancelSlow() // it does so when it notices
	cancelQuick()
	h.publish([]record.FeedItem{{N: items + 1}})
	if len(h.subs) > 0 || len(quick) > 0 {
		t.Errorf("%d subscribers are left", len(h.subs))
	}
}
