package record

// Small makes segments and the tail so small that a test fills many.
func (s *Store) Small(segment, tail int) { s.limits = limits{segment, tail} }
