package em

// ReplayFully makes t's replays run to the end instead of stopping where the
// state is as it was.
func ReplayFully(t *Timeline) { t.full = true }
