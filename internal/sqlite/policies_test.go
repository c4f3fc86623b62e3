package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"tandem.example/tandem/internal/application"
)

// An application from before there were policies for signing in has none, and can be given some.
func TestApplicationsOfAnOlderSchema(t *testing.T) {
	dir := t.TempDir()
	db, err := connect(filepath.Join(dir, DatabaseFile), writing)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`INSERT INTO applications (id, name, kind, mode, audiences, allowed_origins, algorithm, access_token_ttl,
		refresh_grace, refresh_idle, refresh_absolute, session_preset, session_idle, session_absolute, session_limit,
		sessions_from, created_at) VALUES ('app_1', 'shop', 'user', 'hybrid', '[]', '[]', '', 0, 0, 0, 0, '', 0, 0, 0, 0, 1)`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Dir: dir})
	app, err := s.Applications().Find(t.Context(), "shop")
	if err != nil || len(app.SignIn.Methods) > 0 || app.SignIn.SecondFactor != "" || app.Brand != (application.Brand{}) {
		t.Fatalf("it reads as %+v, %v", app, err)
	}
	app.SignIn.SecondFactor = application.Required
	if _, _, err := s.Applications().Amend(t.Context(), application.Amendment{Application: app, At: epochDay}); err != nil {
		t.Fatal(err)
	}
	if app, err = s.Applications().Find(t.Context(), "app_1"); err != nil || app.SignIn.SecondFactor != application.Required {
		t.Errorf("after an amendment it reads as %+v, %v", app, err)
	}
}
