package center

import (
	"sync"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

// subscriberQueue bounds what a live page may lag behind; then it is cut off,
// reconnects and resumes from the record.
const subscriberQueue = 256

// hub hands feed items to live pages.
type hub struct {
	mu   sync.Mutex
	subs map[chan record.FeedItem]struct{}
}

func newHub() *hub { return &hub{subs: map[chan record.FeedItem]struct{}{}} }

func (h *hub) subscribe() (<-chan record.FeedItem, func()) {
	ch := make(chan record.FeedItem, subscriberQueue)
	h.mu.Lock()
	h.subs[ch] = struct{}{}
	h.mu.Unlock()
	return ch, func() {
		h.mu.Lock()
		delete(h.subs, ch)
		h.mu.Unlock()
	}
}

// cut ends all feeds: what follows is told elsewhere.
func (h *hub) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.subs {
		close(ch)
	}
	clear(h.subs)
}

// publish never blocks.
func (h *hub) publish(items []record.FeedItem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.subs {
		for _, i := range items {
			select {
			case ch <- i:
				continue
			default:
			}
			delete(h.subs, ch)
			close(ch)
			break
		}
	}
}
