package center

import (
	"math/rand/v2"
	"testing"

	"github.com/sargas-em/em/examples/monitoringcenter/center/record"
)

func TestSettle(t *testing.T) {
	told := func(says string) record.Notice { return record.Notice{Says: says, State: record.Told, Maybe: true} }
	waits := func(says string) record.Notice { return record.Notice{Says: says, State: record.Pending} }
	tried := func(says string) record.Notice { return record.Notice{Says: says, State: record.Pending, Maybe: true} }
	failed := record.Notice{Says: "a", State: record.Failed}
	type list = []record.Notice
	for name, c := range map[string]struct {
		list list
		says string
		drop record.NoticeState
		say  bool
	}{
		"nobody heard":                         {nil, "a", "", true},
		"withdrawn, nobody heard":              {nil, saysWithdrawn, "", false},
		"told":                                 {list{told("a")}, "a", "", false},
		"told, another":                        {list{told("a")}, "b", "", true},
		"told, withdrawn":                      {list{told("a")}, saysWithdrawn, "", true},
		"told of both":                         {list{told("a"), told(saysWithdrawn)}, saysWithdrawn, "", false},
		"stands again":                         {list{told("a"), told(saysWithdrawn)}, "a", "", true},
		"waits, withdrawn":                     {list{waits("a")}, saysWithdrawn, record.Cancelled, false},
		"waits, another":                       {list{waits("a")}, "b", record.Cancelled, true},
		"waits, the same":                      {list{waits("a")}, "a", "", false},
		"perhaps told, withdrawn":              {list{tried("a")}, saysWithdrawn, record.Overtaken, true},
		"perhaps told, the same":               {list{tried("a")}, "a", "", false},
		"told, a change waits, withdrawn":      {list{told("a"), waits("b")}, saysWithdrawn, record.Cancelled, true},
		"told, a change waits, as it was":      {list{told("a"), waits("b")}, "a", record.Cancelled, false},
		"told, withdrawal waits, stands again": {list{told("a"), waits(saysWithdrawn)}, "a", record.Cancelled, false},
		"told, withdrawal tried, stands again": {list{told("a"), tried(saysWithdrawn)}, "a", record.Overtaken, true},
		"given up unheard, withdrawn":          {list{failed}, saysWithdrawn, "", false},
		"given up unheard":                     {list{failed}, "a", "", true},
	} {
		got := settle(c.list, c.says, saysWithdrawn)
		if got.drop != c.drop || got.say != c.say {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Whatever happens in whatever order, whoever may have heard of something hears
// in the end what is so, nobody else hears anything, and nothing is said twice.
func TestSettleAnyHistory(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all []record.Notice
		is := saysWithdrawn
		deliver := func(sure bool) {
			n := len(all)
			if n == 0 || all[n-1].State != record.Pending {
				return
			}
			before := all[n-1].Maybe
			all[n-1].Maybe = true
			switch k := r.IntN(4); {
			case sure || k == 0:
				all[n-1].State = record.Told
			case k == 1 && !before:
				all[n-1].Maybe = false // sure that it was not sent
			case k == 2:
				all[n-1].State = record.Failed
			}
		}
		for range 12 {
			if r.IntN(2) == 0 {
				deliver(false)
				continue
			}
			is = []string{saysWithdrawn, "a", "b"}[r.IntN(3)]
			o := settle(all, is, saysWithdrawn)
			if o.drop != "" {
				all[len(all)-1].State = o.drop
			}
			if o.say {
				all = append(all, record.Notice{Says: is, State: record.Pending})
			}
		}
		deliver(true)
		pending, known := 0, saysWithdrawn
		for i := range all {
			n := &all[i]
			if n.State == record.Pending {
				pending++
			}
			if n.State == record.Cancelled && n.Maybe || n.State == record.Overtaken && !n.Maybe {
				t.Fatalf("seed %d: %+v", seed, *n)
			}
			if n.Heard() {
				known = n.Says
			}
		}
		last := len(all) - 1
		if pending > 0 || known != is && !(last >= 0 && all[last].State == record.Failed) {
			t.Fatalf("seed %d: it is %q, known is %q, %d wait: %+v", seed, is, known, pending, all)
		}
	}
}
