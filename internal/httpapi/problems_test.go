package httpapi

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/tandem/internal/account"
	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/credential"
	"tandem.example/tandem/internal/federate"
	"tandem.example/tandem/internal/feed"
	"tandem.example/tandem/internal/operator"
	"tandem.example/tandem/internal/outage"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
	"tandem.example/tandem/internal/signing"
	"tandem.example/tandem/internal/web"
)

// told is every error of the domain that a client is told of, with the status and code of its problem.
var told = map[string]struct {
	err    error
	status int
	code   string
}{
	"account.ErrNotFound":   {account.ErrNotFound, 404, web.CodeNotFound},
	"account.ErrEmailTaken": {account.ErrEmailTaken, 409, web.CodeConflict},
	"account.ErrEmail":      {account.ErrEmail, 422, web.CodeInvalidRequest},
	"account.ErrName":       {account.ErrName, 422, web.CodeInvalidRequest},
	"account.ErrRole":       {account.ErrRole, 422, web.CodeInvalidRequest},

	"account.ErrRaced": {account.ErrRaced, 409, web.CodeConflict},

	"application.ErrRaced":     {application.ErrRaced, 409, web.CodeConflict},
	"application.ErrNotFound":  {application.ErrNotFound, 404, web.CodeNotFound},
	"application.ErrNameTaken": {application.ErrNameTaken, 409, web.CodeConflict},
	"application.ErrDefault":   {application.ErrDefault, 409, web.CodeConflict},

	"credential.ErrAPIKeyNotFound":     {credential.ErrAPIKeyNotFound, 404, web.CodeNotFound},
	"credential.ErrPasswordTooLong":    {credential.ErrPasswordTooLong, 422, web.CodeInvalidRequest},
	"credential.ErrMalformedKey":       {credential.ErrMalformedKey, 401, web.CodeInvalidToken},
	"credential.ErrWrongKey":           {credential.ErrWrongKey, 401, web.CodeInvalidToken},
	"credential.ErrKeyExpired":         {credential.ErrKeyExpired, 401, web.CodeInvalidToken},
	"credential.ErrKeyRevoked":         {credential.ErrKeyRevoked, 401, web.CodeInvalidToken},
	"credential.ErrPasskeyNotFound":    {credential.ErrPasskeyNotFound, 404, web.CodeNotFound},
	"credential.ErrPasskeyTaken":       {credential.ErrPasskeyTaken, 409, web.CodeConflict},
	"credential.ErrTooManyPasskeys":    {credential.ErrTooManyPasskeys, 409, web.CodeConflict},
	"credential.ErrNoTOTP":             {credential.ErrNoTOTP, 404, web.CodeNotFound},
	"credential.ErrConnectionNotFound": {credential.ErrConnectionNotFound, 404, web.CodeNotFound},
	"credential.ErrConnectionTaken":    {credential.ErrConnectionTaken, 409, web.CodeConflict},
	"credential.PolicyError":           {&credential.PolicyError{Rule: credential.RuleCommon}, 422, web.CodeInvalidRequest},
	"credential.OverloadedError":       {&credential.OverloadedError{RetryAfter: time.Second}, 503, web.CodeOverloaded},

	"federate.ErrUnknownProvider": {federate.ErrUnknownProvider, 404, web.CodeNotFound},
	"federate.ErrDenied":          {federate.ErrDenied, 403, web.CodeForbidden},
	"federate.ErrAnswer":          {federate.ErrAnswer, 403, web.CodeForbidden},
	"federate.ErrUnreachable":     {federate.ErrUnreachable, 503, web.CodeUnavailable},

	"feed.ErrClosed":     {feed.ErrClosed, 503, web.CodeUnavailable},
	"feed.ErrStale":      {feed.ErrStale, 503, web.CodeUnavailable},
	"feed.ErrRolledBack": {feed.ErrRolledBack, 503, web.CodeUnavailable},
	"feed.RequestError":  {&feed.RequestError{Field: "nonce", Rule: "must be"}, 422, web.CodeInvalidRequest},

	"operator.ErrAPIKey":       {operator.ErrAPIKey, 401, web.CodeInvalidToken},
	"operator.ErrClientSecret": {operator.ErrClientSecret, 401, web.CodeInvalidCredentials},

	"outage.Error": {&outage.Error{Store: "PostgreSQL", Err: errors.New("refused")}, 503, web.CodeUnavailable},

	"session.ErrNotFound":       {session.ErrNotFound, 404, web.CodeNotFound},
	"session.ErrEnded":          {session.ErrEnded, 401, web.CodeSessionEnded},
	"session.ErrExpired":        {session.ErrExpired, 401, web.CodeSessionEnded},
	"session.ErrRaced":          {session.ErrRaced, 409, web.CodeConflict},
	"session.ErrAccountChanged": {session.ErrAccountChanged, 401, web.CodeInvalidCredentials},
	"session.ErrMalformed":      {session.ErrMalformed, 401, web.CodeInvalidToken},
	"session.ErrBound":          {session.ErrBound, 409, web.CodeConflict},
	"session.ErrProof":          {session.ErrProof, 401, web.CodeInvalidToken},
	"session.ErrChallenge":      {session.ErrChallenge, 401, web.CodeInvalidToken},

	"signin.ErrInvalidCredentials": {signin.ErrInvalidCredentials, 401, web.CodeInvalidCredentials},
	"signin.ErrInvalidToken":       {signin.ErrInvalidToken, 401, web.CodeInvalidToken},
	"signin.ErrTokenExpired":       {signin.ErrTokenExpired, 401, web.CodeInvalidToken},
	"signin.ErrTokenStale":         {signin.ErrTokenStale, 401, web.CodeInvalidToken},
	"signin.ErrBindingRequired":    {signin.ErrBindingRequired, 401, web.CodeInvalidToken},
	"signin.ErrNotBound":           {signin.ErrNotBound, 401, web.CodeInvalidToken},
	"signin.ChallengeError":        {&signin.ChallengeError{Challenge: "x"}, 403, web.CodeForbidden},
	"signin.ErrWrongCode":          {signin.ErrWrongCode, 401, web.CodeInvalidCredentials},
	"signin.ErrWrongPasskey":       {signin.ErrWrongPasskey, 401, web.CodeInvalidCredentials},
	"signin.ErrUnverified":         {signin.ErrUnverified, 401, web.CodeInvalidCredentials},
	"signin.ErrStepUp":             {signin.ErrStepUp, 401, web.CodeStepUpRequired},
	"signin.SecondFactorError":     {&signin.SecondFactorError{Factors: []application.Method{application.TOTP}}, 401, web.CodeStepUpRequired},
	"signin.StepUpError":           {&signin.StepUpError{Factors: []application.Method{application.TOTP}}, 401, web.CodeStepUpRequired},
	"signin.ErrSignInAgain":        {signin.ErrSignInAgain, 409, web.CodeConflict},
	"signin.ErrUsePages":           {signin.ErrUsePages, 403, web.CodeForbidden},
	"signin.ErrNoAttempt":          {signin.ErrNoAttempt, 409, web.CodeConflict},
	"signin.ErrNotNow":             {signin.ErrNotNow, 409, web.CodeConflict},
	"signin.ErrLastMethod":         {signin.ErrLastMethod, 409, web.CodeConflict},
	"signin.ErrNoMail":             {signin.ErrNoMail, 409, web.CodeConflict},
	"signin.ErrReturnTo":           {signin.ErrReturnTo, 422, web.CodeInvalidRequest},
	"signin.ErrTooManyTries":       {signin.ErrTooManyTries, 429, web.CodeRateLimited},
	"signin.ErrNoMint":             {signin.ErrNoMint, 403, web.CodeForbidden},
	"signin.FieldError":            {&signin.FieldError{Field: "name", Rule: "must be"}, 422, web.CodeInvalidRequest},
	"signin.RefreshError":          {&signin.RefreshError{Cause: signin.CauseReused}, 401, web.CodeInvalidGrant},
	"signin.LimitedError":          {&signin.LimitedError{RetryAfter: time.Second}, 429, web.CodeRateLimited},

	"signing.ErrNotFound":     {signing.ErrNotFound, 404, web.CodeNotFound},
	"signing.ErrRaced":        {signing.ErrRaced, 409, web.CodeConflict},
	"signing.ErrNoShared":     {signing.ErrNoShared, 409, web.CodeConflict},
	"signing.ErrTooLarge":     {signing.ErrTooLarge, 409, web.CodeConflict},
	"signing.ErrToken":        {signing.ErrToken, 401, web.CodeInvalidToken},
	"signing.ErrUnknownKey":   {signing.ErrUnknownKey, 401, web.CodeInvalidToken},
	"signing.ErrKeyRevoked":   {signing.ErrKeyRevoked, 401, web.CodeInvalidToken},
	"signing.ErrTokenExpired": {signing.ErrTokenExpired, 401, web.CodeInvalidToken},
}

// untold is every error of the domain that says nothing to a client, and why.
var untold = map[string]string{
	"federate.ErrNeverAgain":       "no step-up asks such a provider",
	"credential.ErrMalformedHash":  "a hash in the store is broken; an imported one is refused by a FieldError",
	"credential.ErrPasskeyRaced":   "reaches transports as signin.ErrWrongPasskey",
	"credential.ErrCeremony":       "reaches transports as signin.ErrWrongPasskey",
	"credential.ErrCloned":         "reaches transports as signin.ErrWrongPasskey",
	"credential.ErrStepSpent":      "reaches transports as signin.ErrWrongCode",
	"credential.ErrNoRecoveryCode": "reaches transports as signin.ErrWrongCode",
	"secret.ErrSealed":             "the master key is not the one of this store",
	"secret.ErrMasterKey":          "a mistake in the configuration",
	"secret.KeyFileModeError":      "a mistake in the configuration",
	"feed.ErrMayBeLost":            "reaches transports as feed.ErrRolledBack",
	"feed.ErrEpochMoved":           "two nodes noticed the same rollback; the one that was later goes on",
	"session.ErrUnbound":           "reaches transports as signin.ErrBindingRequired",
	"mail.ErrRefused":              "a mail server said no; mail never decides an answer",
	"audit.ErrStep":                "a mistake of ours in asking for tallies",
	"audit.ErrTooManyTallies":      "a mistake of ours in asking for tallies",
	"mail.ErrInvalid":              "a mistake in a message of ours; mail never decides an answer",
	"token.ErrMalformed":           "reaches transports as signing.ErrToken",
	"token.Error":                  "reaches transports as signing.ErrToken",
	"jws.ErrMalformed":             "reaches transports as signing.ErrToken",
	"jws.ErrAlgorithm":             "reaches transports as signing.ErrToken",
	"jws.ErrSignature":             "reaches transports as signing.ErrToken",
	"jws.ErrKey":                   "reaches transports as signing.ErrToken",
	"jws.ErrTooLarge":              "reaches transports as signing.ErrToken",
	"revocation.ErrReply":          "is about what a verifier receives",
	"revocation.ErrEvent":          "is about what a verifier receives, or a mistake of ours",
	"revocation.Mismatch":          "is about what a verifier receives",
}

// notDomain are the packages below internal/ whose errors reach no transport as they are.
var notDomain = []string{"archtest", "config", "httpapi", "lab", "memory", "postgres", "redis", "relay", "sqlite", "storetest", "web"}

func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	dirs := []string{"../../verify/token", "../../verify/jws", "../../verify/revocation"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(notDomain, e.Name()) {
			dirs = append(dirs, filepath.Join("..", e.Name()))
		}
	}
	found := map[string]bool{}
	for _, dir := range dirs {
		for _, name := range errorsOf(t, dir) {
			found[name] = true
		}
	}
	if len(found) < len(told) {
		t.Fatalf("found %d errors only", len(found))
	}
	for name := range found {
		_, isTold := told[name]
		_, isUntold := untold[name]
		if isTold == isUntold {
			t.Errorf("%s: is it told to clients (told and problems.go) or not (untold)?", name)
		}
	}
	for name := range told {
		if !found[name] {
			t.Errorf("%s does not exist", name)
		}
	}
	for name := range untold {
		if !found[name] {
			t.Errorf("%s does not exist", name)
		}
	}
}

func TestTableTellsWhatItShould(t *testing.T) {
	t.Parallel()
	for name, want := range told {
		p := problemOf(fmt.Errorf("do this: %w", fmt.Errorf("and that: %w", want.err)))
		if p.Status != want.status || p.Code != want.code || p.Fault || !errors.Is(p, want.err) {
			t.Errorf("%s: %d %s", name, p.Status, p.Code)
		}
		if p.Detail == "" || p.Title == "" || p.Type != "about:blank" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for _, name := range []string{"signin.LimitedError", "credential.OverloadedError", "operator.ErrClientSecret", "feed.ErrClosed"} {
		if problemOf(told[name].err).RetryAfter < time.Second {
			t.Errorf("%s: the client is not told when to come again", name)
		}
	}
	for _, err := range []error{errors.New("disk full"), credential.ErrMalformedHash} {
		if p := problemOf(fmt.Errorf("do this: %w", err)); p.Status != 500 || p.Code != web.CodeInternal || !p.Fault || strings.Contains(p.Detail, err.Error()) {
			t.Errorf("%v: %+v", err, p)
		}
	}
}

// errorsOf answers the exported error values and error types that a package declares.
func errorsOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			for _, name := range errorNames(d) {
				out = append(out, file.Name.Name+"."+name)
			}
		}
	}
	return out
}

func errorNames(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.GenDecl:
		if d.Tok != gotoken.VAR {
			return nil
		}
		for _, spec := range d.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if strings.HasPrefix(name.Name, "Err") {
					names = append(names, name.Name)
				}
			}
		}
	case *ast.FuncDecl:
		if d.Name.Name != "Error" || d.Recv == nil || d.Type.Params.NumFields() != 0 {
			return nil
		}
		of := d.Recv.List[0].Type
		if pointer, ok := of.(*ast.StarExpr); ok {
			of = pointer.X
		}
		if name, ok := of.(*ast.Ident); ok && name.IsExported() {
			names = append(names, name.Name)
		}
	}
	return names
}
