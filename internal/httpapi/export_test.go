package httpapi

// Patterns answers the route table, "METHOD /path" each.
func (a *API) Patterns() []string { return a.routes.patterns }
