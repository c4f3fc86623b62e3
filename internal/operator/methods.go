package operator

import (
	"slices"
	"strings"
	"time"

	"tandem.example/tandem/internal/application"
)

// maxRemember is the longest that a device may be spared the second factor.
const maxRemember = 365 * 24 * time.Hour

// checkSignIn refuses a policy that nobody could sign in under, or that contradicts itself. Methods that were there
// before stay although the server's configuration has them no more: they are not offered then.
func (s *Service) checkSignIn(now, was application.SignIn) error {
	factors := []application.SecondFactor{"", application.IfEnrolled, application.Required, application.Never}
	switch {
	case !slices.Contains(factors, now.SecondFactor):
		return &FieldError{Field: "sign_in.second_factor", Rule: "must be if_enrolled, required or never"}
	case now.Remember > maxRemember:
		return &FieldError{Field: "sign_in.remember", Rule: "must be from 0s to 365d"}
	case now.ACR != "" && now.ACR != "1" && now.ACR != "2":
		return &FieldError{Field: "sign_in.acr", Rule: "must be 1 or 2"}
	case now.ACR == "2" && now.SecondFactor == application.Never:
		return &FieldError{Field: "sign_in.acr", Rule: "must not be 2, which takes a second factor, while second_factor is never"}
	}
	for i, m := range now.Methods {
		if slices.Index(now.Methods, m) < i {
			return &FieldError{Field: "sign_in.methods", Rule: "must not name a method twice"}
		}
		if slices.Contains(s.Bounds.Methods, m) || slices.Contains(was.Methods, m) {
			continue
		}
		if m == application.EmailCode {
			return &FieldError{Field: "sign_in.methods", Rule: "must not hold email_code while the server cannot send mail: set mail.server and start it again"}
		}
		if _, provider := m.Provider(); provider {
			return &FieldError{Field: "sign_in.methods", Rule: "must not name a provider that the server's configuration does not have"}
		}
		names := make([]string, len(s.Bounds.Methods))
		for i, m := range s.Bounds.Methods {
			names[i] = string(m)
		}
		return &FieldError{Field: "sign_in.methods", Rule: "must be of " + strings.Join(names, ", ")}
	}
	return nil
}
