package record

import "time"

// Gateway is one that reports to the log and has not been stopped.
type Gateway struct {
	ID    string    // what the log calls it
	Since time.Time // when it was first heard
}

// AddGateway stores a gateway that is heard for the first time.
func (t *Tx) AddGateway(g Gateway) error {
	return t.exec(`INSERT INTO gateway (id, since) VALUES (?,?) ON CONFLICT (id) DO NOTHING`, g.ID, nanos(g.Since))
}

// DropGateway forgets a gateway.
func (t *Tx) DropGateway(id string) error { return t.exec(`DELETE FROM gateway WHERE id = ?`, id) }

// Gateways returns all that are stored, by ID.
func (t *Tx) Gateways() ([]Gateway, error) {
	return collect(t.ctx, t.tx, func(r row, g *Gateway) error {
		var since int64
		err := r.Scan(&g.ID, &since)
		g.Since = fromNanos(since)
		return err
	}, `SELECT id, since FROM gateway ORDER BY id`)
}
