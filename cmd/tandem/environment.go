package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// variable reads an environment variable. Of one that is given twice the last counts, as in os/exec.
func (a *app) variable(name string) (value string) {
	for _, kv := range a.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// secretVariable reads a secret from an environment variable, or from the file that NAME_FILE names.
func (a *app) secretVariable(name string) (string, error) {
	path := a.variable(name + "_FILE")
	if value := a.variable(name); value != "" || path == "" {
		return value, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%w: read $%s_FILE: %w", errUsage, name, err)
	}
	return strings.TrimSpace(string(b)), nil
}

// ownVariables are those of verbs that are no keys of a server.
var ownVariables = []string{
	"TANDEM_CLIENT_ID", "TANDEM_CLIENT_SECRET", "TANDEM_CLIENT_SECRET_FILE",
	"TANDEM_RELAY_UPSTREAM", "TANDEM_RELAY_ISSUER", "TANDEM_RELAY_URL", "TANDEM_RELAY_LISTEN", "TANDEM_RELAY_ADMIN_LISTEN", "TANDEM_RELAY_CLIENTS",
	"TANDEM_RELAY", // of `tandem watch`
}

// serverEnv is the environment without them, since a server refuses what it does not know.
func (a *app) serverEnv() []string {
	return slices.DeleteFunc(slices.Clone(a.env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(ownVariables, name)
	})
}
