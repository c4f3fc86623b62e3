package credential

import (
	"errors"
	"strings"
	"testing"

	"tandem.example/tandem/internal/secret"
)

func TestPolicy(t *testing.T) {
	anna := []string{"anna.svensson@example.com", "Anna Svensson"}
	tests := []struct {
		name     string
		policy   Policy
		password string
		personal []string
		want     Rule // "" if allowed
	}{
		{"a sentence", Policy{}, "the cat sat on 3 hats", anna, ""},
		{"random lower case", Policy{}, "vkzqpwmxhtrb", nil, ""},
		{"random digits are allowed: no composition rules", Policy{}, "739105826417", nil, ""},
		{"other scripts", Policy{}, "собака ест суп", nil, ""},
		{"eleven characters", Policy{}, "vkzqpwmxhtr", nil, RuleMinLength},
		{"twelve characters in 24 bytes", Policy{}, "щжфвыапролдж", nil, ""},
		{"eleven characters in 22 bytes", Policy{}, "щжфвыапролд", nil, RuleMinLength},
		{"empty", Policy{}, "", nil, RuleMinLength},
		{"configured minimum", Policy{MinLength: 16}, "vkzqpwmxhtrbabc", nil, RuleMinLength},
		{"1 KiB", Policy{}, strings.Repeat("vkzqpwmxhtrb7391", 63) + "0123456789abcdef", nil, ""},
		{"1 KiB and one byte", Policy{}, strings.Repeat("vkzqpwmxhtrb7391", 64) + "x", nil, RuleMaxLength},
		{"not UTF-8", Policy{}, "vkzqpwmxhtr\xff", nil, RuleText},

		{"common with digits", Policy{}, "password123456", nil, RuleCommon},
		{"common with a year and a sign", Policy{}, "Sunshine2024!", nil, RuleCommon},
		{"digits for letters", Policy{}, "p4ssw0rd1234", nil, RuleCommon},
		{"1 for l", Policy{}, "1iverp00l1892", nil, RuleCommon},
		{"decorated in front", Policy{}, "123princess!", nil, RuleCommon},
		{"said twice", Policy{}, "dragondragon", nil, RuleCommon},
		{"said twice with a digit", Policy{}, "passwordpassword1", nil, RuleCommon},
		{"two words", Policy{}, "iloveyoumichael", nil, RuleCommon},
		{"two words apart", Policy{}, "Summer-Monkey1", nil, RuleCommon},
		{"keyboard", Policy{}, "qwertyuiop12", nil, RuleCommon},
		{"keyboard back", Policy{}, "poiuytrewq098", nil, RuleCommon},
		{"other keyboard", Policy{}, "azertyuiop789", nil, RuleCommon},
		{"ascending", Policy{}, "123456789012", nil, RuleCommon},
		{"descending", Policy{}, "987654321098", nil, RuleCommon},
		{"alphabet", Policy{}, "abcdefghijklmn", nil, RuleCommon},
		{"one character", Policy{}, "aaaaaaaaaaaaa", nil, RuleCommon},
		{"short period", Policy{}, "x7x7x7x7x7x7", nil, RuleCommon},
		{"listed", Policy{}, "1qaz2wsx3edc", nil, RuleCommon},
		{"famous", Policy{}, "correcthorsebatterystaple", nil, RuleCommon},
		{"famous, spaced", Policy{}, "Correct Horse Battery Staple", nil, RuleCommon},
		{"long repetition", Policy{}, strings.Repeat("qwerty", 100), nil, RuleCommon},
		{"common word in a longer text", Policy{}, "my dragon eats granite", nil, ""},
		{"common word, costly ending", Policy{}, "dragon#9v!Kz7", nil, ""},
		{"common word, ten random digits", Policy{}, "dragon8273640519", nil, ""},
		{"common word, four random digits", Policy{}, "Sunshine8273", nil, RuleCommon},

		{"e-mail address", Policy{}, "anna.svensson@example.com", anna, RulePersonal},
		{"e-mail name and a year", Policy{}, "AnnaSvensson1990", anna, RulePersonal},
		{"name turned round", Policy{}, "svensson-anna!", anna, RulePersonal},
		{"name in a longer text", Policy{}, "anna counts eleven sheep", anna, ""},
		{"empty personal texts", Policy{}, "vkzqpwmxhtrb", []string{"", "  ", "a"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Check(secret.NewText(tt.password), tt.personal...)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("Check(%q) = %v, want it allowed", tt.password, err)
				}
				return
			}
			var broken *PolicyError
			if !errors.As(err, &broken) || broken.Rule != tt.want {
				t.Fatalf("Check(%q) = %v, want rule %s", tt.password, err, tt.want)
			}
			if tt.password != "" && strings.Contains(err.Error(), tt.password) {
				t.Errorf("the error quotes the password: %v", err)
			}
		})
	}
}

func TestPolicyErrorNamesTheConfiguredLength(t *testing.T) {
	err := Policy{MinLength: 15}.Check(secret.NewText("short"))
	if err == nil || !strings.Contains(err.Error(), "15 characters") {
		t.Errorf("Check = %v, want 15 characters to be named", err)
	}
}

func TestPolicyValidate(t *testing.T) {
	for n, ok := range map[int]bool{0: true, 8: true, 12: true, 128: true, 7: false, -1: false, 129: false} {
		if err := (Policy{MinLength: n}).Validate(); (err == nil) != ok {
			t.Errorf("MinLength %d: Validate() = %v, want ok %v", n, err, ok)
		}
	}
}

func TestCommonListIsUsable(t *testing.T) {
	words := commonWords()
	if len(words) < 5000 {
		t.Errorf("%d common words, want at least 5000", len(words))
	}
	for w := range words {
		if len(w) < 4 || w != strings.ToLower(w) {
			t.Errorf("%q can never be found: shorter than four characters or not lower case", w)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("Sunshine2024!", "anna@example.com")
	f.Add("1!1!1!1!1!1!1!", "")
	f.Add("20202020202020192019", "İ")
	f.Fuzz(func(t *testing.T, password, personal string) {
		first := Policy{}.Check(secret.NewText(password), personal)
		if second := (Policy{}).Check(secret.NewText(password), personal); (first == nil) != (second == nil) {
			t.Fatal("Check does not always answer alike")
		}
	})
}
