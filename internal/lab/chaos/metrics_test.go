package chaos

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metrics are the figures of a node, by name with labels; nil if it does not answer.
func (n *node) metrics() map[string]float64 {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + n.admin + "/metrics")
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	figures := make(map[string]float64)
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if f, err := strconv.ParseFloat(value, 64); ok && err == nil && name != "#" {
			figures[name] = f
		}
	}
	return figures
}

func (n *node) metric(name string) float64 { return n.metrics()[name] }

// requests is how many requests of a route all nodes have answered.
func (s *stage) requests(route string) (total float64) {
	for _, n := range s.nodes {
		for name, value := range n.metrics() {
			if strings.HasPrefix(name, "tandem_http_requests_total{") && strings.Contains(name, `route="`+route+`"`) {
				total += value
			}
		}
	}
	return total
}
