package pages

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tandem.example/tandem/internal/application"
	"tandem.example/tandem/internal/audit"
	"tandem.example/tandem/internal/session"
	"tandem.example/tandem/internal/signin"
)

// device is a session as its user sees it.
type device struct {
	session.Session
	This    bool
	App     string
	Methods []string // with which the person proved who they are, in words
	Icon    string
}

// devices is what the page of all sessions is rendered with.
type devices struct {
	This   []device // one, unless it ended just now
	Others []device
	Apps   []connectedApp
	More   string // path of the next page; empty: none
}

// connectedApp is an application that the user is signed in to.
type connectedApp struct {
	Title    string
	Sessions int
}

// devicesAtOnce are as many as a page shows.
const devicesAtOnce = 25

func (v *visit) showDevices(who signin.Identity) error {
	before := session.ID("")
	if text := v.r.URL.Query().Get("before"); text != "" {
		id, err := session.CheckID(text)
		if err != nil {
			return v.redirect("/account/devices")
		}
		before = id
	}
	views, err := v.SignIn.Devices(v.ctx(), who, before, devicesAtOnce+1)
	if err != nil {
		return err
	}
	var data devices
	if len(views) > devicesAtOnce {
		views = views[:devicesAtOnce]
		data.More = with("/account/devices", "before", string(views[devicesAtOnce-1].Session.ID))
	}
	for _, view := range views {
		one, err := v.device(view.Session, who)
		if err != nil {
			return err
		}
		data.add(one)
	}
	return v.render(http.StatusOK, "devices", v.sheet(who, "devices", data))
}

func (d *devices) add(one device) {
	if one.This {
		d.This = append(d.This, one)
	} else {
		d.Others = append(d.Others, one)
	}
	i := slices.IndexFunc(d.Apps, func(a connectedApp) bool { return a.Title == one.App })
	if i < 0 {
		d.Apps, i = append(d.Apps, connectedApp{Title: one.App}), len(d.Apps)
	}
	d.Apps[i].Sessions++
}

func (v *visit) device(s session.Session, who signin.Identity) (device, error) {
	app, err := v.SignIn.Applications.Find(v.ctx(), string(s.Application))
	if err != nil && !errors.Is(err, application.ErrNotFound) {
		return device{}, fmt.Errorf("find application: %w", err)
	}
	one := device{Session: s, This: s.ID == who.View.Session.ID, App: v.appTitle(app), Icon: deviceIcon(s.Device)}
	for _, amr := range s.AMR {
		if m := methodWord(amr); m != "" {
			one.Methods = append(one.Methods, v.say("pages.method."+string(m)))
		}
	}
	return one, nil
}

// deviceIcon goes by the name that web.DeviceName gave: it is a hint and nothing more.
func deviceIcon(name string) string {
	for _, hint := range []string{"iPhone", "Android", "iPad", "Mobile", "Pixel", "Galaxy"} {
		if strings.Contains(name, hint) {
			return "phone"
		}
	}
	return "desktop"
}

func (v *visit) endDevice(who signin.Identity) error {
	id, err := session.CheckID(v.r.PathValue("id"))
	if err == nil {
		err = v.SignIn.EndDevice(v.ctx(), who, id, v.client())
	} else {
		err = session.ErrNotFound
	}
	switch {
	case errors.Is(err, session.ErrNotFound):
		return v.redirect("/account/devices?notice=gone")
	case err != nil:
		return err
	case id == who.View.Session.ID:
		return v.forget(who.Application.Name)
	}
	return v.redirect("/account/devices?notice=device_ended")
}

func (v *visit) askEndOthers(who signin.Identity) error {
	return v.ask(who, "devices", "end_others", question{
		Text: "pages.ask.end_others", Action: "/account/devices/end-others", Yes: "pages.yes.end_others", Back: "/account/devices", Danger: true,
	})
}

func (v *visit) endOthers(who signin.Identity) error {
	if err := v.SignIn.SignOut(v.ctx(), who, signin.Others, v.client()); err != nil {
		return err
	}
	return v.redirect("/account/devices?notice=others_ended")
}

// past is what the page of the security history is rendered with.
type past struct {
	Entries []event
	More    string // path of the next page; empty: none
}

// event is an entry of the trail in plain words.
type event struct {
	audit.Entry
	Words string
	Icon  string
	Tone  string // of its tag; empty: none
}

// eventsAtOnce are as many as a page shows.
const eventsAtOnce = 30

func (v *visit) showHistory(who signin.Identity) error {
	before := v.r.URL.Query().Get("before")
	entries, err := v.SignIn.History(v.ctx(), who, before, eventsAtOnce+1)
	if err != nil {
		return fmt.Errorf("list history: %w", err)
	}
	var data past
	if len(entries) > eventsAtOnce {
		entries = entries[:eventsAtOnce]
		data.More = with("/account/history", "before", entries[eventsAtOnce-1].ID)
	}
	for _, e := range entries {
		if e.Type == audit.SteppedUp && e.Reason != "" {
			continue // the session was given new credentials for a change that has an entry of its own
		}
		data.Entries = append(data.Entries, v.event(e, who))
	}
	return v.render(http.StatusOK, "history", v.sheet(who, "history", data))
}

// event puts an entry into words: what happened, or only that something did if it is of a kind without words.
func (v *visit) event(e audit.Entry, who signin.Identity) event {
	one := event{Entry: e, Icon: eventIcons[e.Type]}
	id := "pages.history." + string(e.Type)
	if one.Words = v.say(id); one.Words == id {
		one.Words = v.say("pages.history.other")
	}
	if one.Icon == "" {
		one.Icon = "info"
	}
	switch {
	case e.Type == audit.RefreshReused:
		one.Tone = "danger"
	case e.Outcome == audit.Refused:
		one.Tone = "warning"
	}
	if e.Actor != "" && e.Actor != string(who.View.User.ID) {
		one.Words += " " + v.say("pages.history.by_operator")
	}
	return one
}

var eventIcons = map[audit.Type]string{
	audit.SignedIn: "desktop", audit.SignedUp: "user", audit.UserCreated: "user", audit.UserChanged: "user", audit.SignedOut: "out", audit.SessionEnded: "out",
	audit.SignInRefused: "alert", audit.StepUpRefused: "alert", audit.RefreshReused: "alert", audit.SteppedUp: "shield", audit.PasswordChanged: "lock",
	audit.UserLocked: "lock", audit.UserUnlocked: "lock", audit.EmailVerified: "mail", audit.EmailChanged: "mail", audit.AccountClaimed: "mail",
	audit.AccountRecovered: "lock", audit.CredentialsReset: "lock", audit.PasskeyAdded: "passkey", audit.PasskeyRenamed: "passkey", audit.PasskeyRemoved: "passkey",
	audit.TOTPAdded: "phone", audit.TOTPRemoved: "phone", audit.RecoveryCodesMade: "key", audit.RecoveryCodeUsed: "key",
	audit.Connected: "link", audit.Disconnected: "link", audit.RolesChanged: "users",
}
