package console

// Route is a route as tests go through them.
type Route struct {
	Pattern    string
	Live, Acts bool
}

// Routes lists all there is.
func (c *Console) Routes() []Route {
	var all []Route
	for _, r := range c.routes {
		all = append(all, Route{r.pattern, r.live, r.acts})
	}
	return all
}

// Harmless is what an export makes of a cell.
func Harmless(cell string) string { return harmless(cell) }
