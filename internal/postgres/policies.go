package postgres

import (
	"encoding/json"
	"errors"

	"tandem.example/tandem/internal/application"
)

// The policies for signing in and the looks of an application are read and written whole, as JSON.

type signInColumn struct {
	Methods      []application.Method     `json:"methods,omitempty"`
	SecondFactor application.SecondFactor `json:"second_factor,omitempty"`
	RememberMS   int64                    `json:"remember_ms,omitempty"`
	ACR          string                   `json:"acr,omitempty"`
}

type brandColumn struct {
	Title string `json:"title,omitempty"`
	Logo  string `json:"logo,omitempty"`
	Color string `json:"color,omitempty"`
}

func signInPolicy(p application.SignIn) string {
	return object(signInColumn{p.Methods, p.SecondFactor, p.Remember.Milliseconds(), p.ACR})
}

func brand(b application.Brand) string { return object(brandColumn(b)) }

func object(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers always have a JSON form
	}
	return string(text)
}

// fromObjects reads both.
func fromObjects(signIn, brand string, a *application.Application) error {
	var p signInColumn
	var b brandColumn
	err := errors.Join(json.Unmarshal([]byte(signIn), &p), json.Unmarshal([]byte(brand), &b))
	a.SignIn = application.SignIn{Methods: p.Methods, SecondFactor: p.SecondFactor, Remember: duration(p.RememberMS), ACR: p.ACR}
	a.Brand = application.Brand(b)
	return err
}
