package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"tandem.example/tandem/examples/bank"
	"tandem.example/tandem/internal/lab/demo"
)

type demoCmd struct {
	Verbose bool `short:"v" help:"Show what the processes print."`

	Bank       string `hidden:"" help:"Be one of the demonstration's banks."`
	BankIssuer string `hidden:""`
	BankListen string `hidden:""`
}

func (demoCmd) Help() string {
	return "Starts a server, three verifiers and forty customers on this machine, plays the situations that Tandem must get\n" +
		"right, and prints what was measured. Takes less than a minute; exits 0 only if every scene held."
}

func (c demoCmd) Run(a *app) error {
	if c.Bank != "" {
		l, err := net.Listen("tcp", c.BankListen)
		if err != nil {
			return fmt.Errorf("open the bank: %w", err)
		}
		return bank.Serve(a.ctx, l, bank.Config{Issuer: c.BankIssuer, Name: c.Bank})
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	err = demo.Run(a.ctx, demo.Config{Executable: self, Out: a.stdout, Verbose: c.Verbose})
	if errors.Is(err, demo.ErrFailed) {
		return errSilent
	}
	return err
}
