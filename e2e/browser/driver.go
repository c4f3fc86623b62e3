package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	cdptarget "github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// driver is a browser process.
type driver struct {
	ctx    context.Context
	thread chan struct{} // closed when the thread that started the process may end
}

// launch starts the program. The process dies with the thread that started it, so a thread is kept for it; it also dies
// with this process.
func launch(program, dir string, flags map[string]any) (*driver, error) {
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(dir),
		chromedp.NoInheritEnv, chromedp.Env("PATH=/usr/local/bin:/usr/bin:/bin", "HOME="+dir, "LC_ALL=C.UTF-8", "TZ=UTC"),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { cmd.Dir = dir }),
	}
	for name, value := range flags {
		options = append(options, chromedp.Flag(name, value))
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	d := &driver{ctx: ctx, thread: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		started <- chromedp.Do(ctx)
		<-d.thread
	}()
	return d, <-started
}

// close asks the browser to end, and kills it if it does not.
func (d *driver) close() error {
	defer close(d.thread)
	ctx, cancel := context.WithTimeout(d.ctx, Patience)
	defer cancel()
	return chromedp.Cancel(ctx)
}

// call sends a command to the browser as a whole. The result is decoded into res unless it is nil.
func (d *driver) call(method string, params, res any) error {
	ctx, cancel := context.WithTimeout(d.ctx, Patience)
	defer cancel()
	return decode(method, res, func(raw *jsonv2.Value) error {
		return chromedp.FromContext(d.ctx).Browser.Call(ctx, method, orEmpty(params), raw)
	})
}

// pageDriver is a tab.
type pageDriver struct{ ctx context.Context }

// open opens a tab in the profile and has `see` called with each event, in their order: before a command returns, all
// events that came before its answer were seen. `see` must be quick, and send no command.
func (d *driver) open(profile string, see func(event any)) (*pageDriver, error) {
	ctx, _ := chromedp.NewContext(d.ctx, chromedp.WithExistingBrowserContext(cdp.BrowserContextID(profile)))
	p := &pageDriver{ctx}
	err := chromedp.Listen(ctx, func(ev any) {
		if e := translate(ev); e != nil {
			see(e)
		}
	})
	return p, err
}

// peek attaches to what is open already: a frame of another site. To close it lets go of it.
func (d *driver) peek(target string) (*pageDriver, error) {
	ctx, _ := chromedp.NewContext(d.ctx, chromedp.WithTargetID(cdptarget.ID(target)), chromedp.WithDetachOnCancel())
	return &pageDriver{ctx}, chromedp.Do(ctx)
}

func (p *pageDriver) close() error {
	err := chromedp.Cancel(p.ctx)
	if err != nil && strings.Contains(err.Error(), "No session with given id") {
		return nil // its profile is gone, and it with it
	}
	return err
}

// call sends a command to the tab.
func (p *pageDriver) call(method string, params, res any) error {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return decode(method, res, func(raw *jsonv2.Value) error {
		return chromedp.FromContext(p.ctx).Target.Call(ctx, method, orEmpty(params), raw)
	})
}

func orEmpty(params any) any {
	if params == nil {
		return struct{}{}
	}
	return params
}

// decode reads with the standard library, so that nobody else has to know the library's.
func decode(method string, res any, call func(*jsonv2.Value) error) error {
	var raw jsonv2.Value
	if err := call(&raw); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if res == nil {
		return nil
	}
	if err := json.Unmarshal(raw, res); err != nil {
		return fmt.Errorf("%s: read the answer: %w", method, err)
	}
	return nil
}

// The events that a tab looks at.
type (
	requested  struct{ request Request }
	redirected struct {
		id     string
		status int
		header map[string]string
	}
	responded struct {
		id, kind, mime string
		status         int
		header         map[string]string
	}
	finished struct {
		id      string
		encoded int
	}
	failed struct {
		id, why  string
		canceled bool
	}
	navigated struct{ url, loader string }
	loaded    struct{ loader string }
	complaint struct{ source, text, url string }
	dialog    struct{ text string }
)

func translate(ev any) any {
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		return wanted(e)
	case *network.EventResponseReceived:
		return responded{string(e.RequestID), string(e.Type), e.Response.MimeType, int(e.Response.Status), headers(e.Response.Headers)}
	case *network.EventLoadingFinished:
		return finished{string(e.RequestID), int(e.EncodedDataLength)}
	case *network.EventLoadingFailed:
		return failed{string(e.RequestID), e.ErrorText + string(e.BlockedReason), e.Canceled}
	case *page.EventFrameNavigated:
		if e.Frame.ParentID == "" {
			return navigated{e.Frame.URL, string(e.Frame.LoaderID)}
		}
	case *page.EventLifecycleEvent:
		if e.Name == "load" {
			return loaded{string(e.LoaderID)}
		}
	case *page.EventJavascriptDialogOpening:
		return dialog{e.Message}
	case *cdpruntime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		return complaint{"exception", text, e.ExceptionDetails.URL}
	case *cdpruntime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "assert" || e.Type == "warning" {
			return complaint{"console", said(e), ""}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			return complaint{string(e.Entry.Source), e.Entry.Text, e.Entry.URL}
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			return complaint{"csp", fmt.Sprintf("%s blocks %s (%s)", d.ViolatedDirective, d.BlockedURL, d.ContentSecurityPolicyViolationType), ""}
		}
	}
	return nil
}

func wanted(e *network.EventRequestWillBeSent) any {
	r := Request{ID: string(e.RequestID), URL: e.Request.URL, Method: e.Request.Method, Kind: string(e.Type), Header: headers(e.Request.Headers),
		Loader: string(e.LoaderID), Blocks: e.RenderBlockingBehavior == "Blocking", At: time.Now()}
	if e.RedirectResponse != nil {
		r.From = &redirected{string(e.RequestID), int(e.RedirectResponse.Status), headers(e.RedirectResponse.Headers)}
	}
	return requested{r}
}

func headers(h network.Headers) map[string]string {
	read := map[string]string{}
	for name, value := range h {
		read[strings.ToLower(name)] = fmt.Sprint(value)
	}
	return read
}

func said(e *cdpruntime.EventConsoleAPICalled) string {
	var words []string
	for _, a := range e.Args {
		word := a.Description
		if len(a.Value) > 0 {
			word = string(a.Value)
		}
		words = append(words, word)
	}
	return string(e.Type) + " " + strings.Join(words, " ")
}
