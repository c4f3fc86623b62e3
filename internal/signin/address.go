package signin

// Where the pages lie, below the issuer. Mail and providers of identities lead there.
const (
	// LinkPath takes the secret of a mailed link as `token`. Its GET shows a button and consumes nothing.
	LinkPath    = "/link"
	AccountPath = "/account"
	SignInPath  = "/sign-in"
	SignUpPath  = "/sign-up"
	RecoverPath = "/recover"
	// callbackPath is where a provider of identities sends the browser back to, followed by the provider's name.
	callbackPath = "/callback/"
)

// CallbackPath is where the provider sends the browser back to, such as /callback/google.
func CallbackPath(provider string) string { return callbackPath + provider }

func (s *Service) url(path string) string { return s.Issuer + path }
