package httpapi

import (
	"time"

	"tandem.example/tandem/internal/application"
)

// AppSignIn is an application's policy for proving who one is. What is left out is the server's.
type AppSignIn struct {
	Methods      []string `json:"methods,omitempty" nullable:"false" doc:"With which a sign-in may begin, in the order offered."`
	SecondFactor string   `json:"second_factor,omitempty" enum:"if_enrolled,required,never"`
	Remember     string   `json:"remember,omitempty" doc:"For how long a device that has proven a second factor is not asked for one again; 0s: each time."`
	ACR          string   `json:"acr,omitempty" enum:"1,2"`
}

// AppBrand is how pages show an application.
type AppBrand struct {
	Title string `json:"title,omitempty" doc:"Its name for people."`
	Logo  string `json:"logo,omitempty" doc:"A data: URI."`
	Color string `json:"color,omitempty" doc:"#rrggbb, of buttons and links."`
}

// SignInPatch is what can be said of how people sign in.
type SignInPatch struct {
	Methods      *[]string `json:"methods,omitempty" nullable:"false" maxItems:"50" doc:"Of password, passkey, email_code and provider:NAME, in the order offered; the server's if empty."`
	SecondFactor *string   `json:"second_factor,omitempty" nullable:"false" doc:"if_enrolled, required or never."`
	Remember     *string   `json:"remember,omitempty" nullable:"false" doc:"0s to 365d: for how long a device that has proven a second factor is not asked for one again."`
	ACR          *string   `json:"acr,omitempty" nullable:"false" doc:"1, or 2 for sessions of two factors alone."`
}

// BrandPatch is what can be said of how pages show the application.
type BrandPatch struct {
	Title *string `json:"title,omitempty" nullable:"false" doc:"At most 60 characters."`
	Logo  *string `json:"logo,omitempty" nullable:"false" doc:"A data: URI in base64 of a PNG, JPEG, WebP or SVG image of at most 32 KiB."`
	Color *string `json:"color,omitempty" nullable:"false" doc:"#rrggbb, readable on white."`
}

// never is how a time of nothing at all is stored, since zero stands for the server's.
const never = -time.Second

func showSignIn(s application.SignIn) AppSignIn {
	shown := AppSignIn{SecondFactor: string(s.SecondFactor), Remember: formatDuration(s.Remember), ACR: s.ACR}
	for _, m := range s.Methods {
		shown.Methods = append(shown.Methods, string(m))
	}
	if s.Remember < 0 {
		shown.Remember = "0s"
	}
	return shown
}

func (p *SignInPatch) apply(to *application.SignIn) error {
	if p == nil {
		return nil
	}
	set((*string)(&to.SecondFactor), p.SecondFactor)
	set(&to.ACR, p.ACR)
	if p.Methods != nil {
		to.Methods = nil
		for _, m := range *p.Methods {
			to.Methods = append(to.Methods, application.Method(m))
		}
	}
	if p.Remember != nil {
		d, err := parseDuration("sign_in.remember", *p.Remember)
		if err != nil {
			return err
		}
		if *p.Remember != "" && d == 0 {
			d = never
		}
		to.Remember = d
	}
	return nil
}
