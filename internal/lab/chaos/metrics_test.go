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
		line := lines.Text() // labels may hold spaces
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if f, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
				figures[line[:i]] = f
			}
		}
	}
	return figures
}

func (n *node) metric(name string) float64 { return n.metrics()[name] }
