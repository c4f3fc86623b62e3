package credential

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"tandem.example/tandem/internal/secret"
)

// cheap is a cost for tests that are not about cost.
var cheapCost = Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

func newTestHasher(t testing.TB, c HasherConfig) *Hasher {
	t.Helper()
	if c.Cost == (Cost{}) {
		c.Cost, c.InsecureAllowCheap = cheapCost, true
	}
	h, err := NewHasher(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Hashes made by others, each of the password beside it.
var importedHashes = []struct{ name, source, password, hash string }{
	{"argon2id", "phc-winner-argon2, test.c", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"argon2i", "phc-winner-argon2, test.c", "password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
	{"argon2id for LDAP", "the same", "password", "{ARGON2}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
	{"bcrypt 2a", "crypt_blowfish, wrapper.c", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt 2y", "crypt_blowfish, wrapper.c", "U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
	{"bcrypt 2b", "crypt_blowfish, wrapper.c", "U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"bcrypt of more than 72 bytes", "crypt_blowfish, wrapper.c", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
	{"bcrypt of bytes beyond ASCII", "crypt_blowfish, wrapper.c", "\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
	{"bcrypt for LDAP", "the same", "U*U", "{CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n"},
	{"bcrypt-sha256", "passlib, its tests", "password", "$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS"},
	{"scrypt", "passlib documentation", "password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"},
	{"pbkdf2-sha256", "passlib documentation", "password", "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"},
	{"pbkdf2-sha256 as PHC", "the same", "password", "$pbkdf2-sha256$i=6400$+6UI/S+nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"},
	{"pbkdf2 with SHA-1", "RFC 6070", "password", "$pbkdf2$4096$c2FsdA$SwB5AbdlSJq.rUnZJvch0GWkKcE"},
}

func TestImportedHashesVerify(t *testing.T) {
	hasher := newTestHasher(t, HasherConfig{Cost: DefaultCost})
	for _, tt := range importedHashes {
		t.Run(tt.name, func(t *testing.T) {
			imported, err := ParseImported(tt.hash)
			if err != nil {
				t.Fatal(err)
			}
			stored, err := ParsePHC(imported.Reveal())
			if err != nil || stored != imported {
				t.Fatalf("what was imported cannot be read from a store: %v", err)
			}
			ok, rehash, err := hasher.Verify(t.Context(), stored, secret.NewText(tt.password))
			if err != nil || !ok {
				t.Fatalf("the right password (%s): %v, %v", tt.source, ok, err)
			}
			if !rehash {
				t.Error("the hash should be replaced: it is weaker than ours or not Argon2id with our salt")
			}
			ok, rehash, err = hasher.Verify(t.Context(), stored, secret.NewText("x"+tt.password))
			if err != nil || ok || rehash {
				t.Errorf("a wrong password: %v, rehash %v, %v", ok, rehash, err)
			}
		})
	}
}

func TestRehashGoesUpwardOnly(t *testing.T) {
	const password = "the cat sat on 3 hats"
	ours := Cost{MemoryKiB: 256, Passes: 2, Lanes: 1}
	hasher := newTestHasher(t, HasherConfig{Cost: ours, InsecureAllowCheap: true})
	tests := map[string]struct {
		cost   Cost
		rehash bool
	}{
		"the same":                     {ours, false},
		"more memory":                  {Cost{512, 2, 1}, false},
		"more passes":                  {Cost{256, 3, 1}, false},
		"more memory, fewer passes":    {Cost{512, 1, 1}, false},
		"more lanes at the same price": {Cost{256, 2, 4}, false},
		"less memory":                  {Cost{255, 2, 1}, true},
		"less memory, more passes":     {Cost{128, 9, 1}, true},
		"fewer passes":                 {Cost{256, 1, 1}, true},
	}
	for name, tt := range tests {
		stored := newPHC(hashArgon2id([]byte(password), tt.cost).encode())
		ok, rehash, err := hasher.Verify(t.Context(), stored, secret.NewText(password))
		if err != nil || !ok || rehash != tt.rehash {
			t.Errorf("%s: ok %v, rehash %v, %v; want rehash %v", name, ok, rehash, err, tt.rehash)
		}
	}
	independent := hashArgon2id([]byte(password), ours)
	independent.independent = true
	independent.key = independent.derive([]byte(password))
	if ok, rehash, _ := hasher.Verify(t.Context(), newPHC(independent.encode()), secret.NewText(password)); !ok || !rehash {
		t.Error("argon2i is not replaced by argon2id")
	}
	short := hashArgon2id([]byte(password), ours)
	short.salt = short.salt[:8]
	short.key = short.derive([]byte(password))
	if ok, rehash, _ := hasher.Verify(t.Context(), newPHC(short.encode()), secret.NewText(password)); !ok || !rehash {
		t.Error("a hash with a short salt is not replaced")
	}
}

const (
	salt22 = "c29tZXNhbHRzb21lc2FsdA"                      // 16 bytes
	key43  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" // 32 bytes
	bc53   = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

func TestHashesOutOfBoundsAreRefused(t *testing.T) {
	good := "$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$" + key43
	if _, err := ParsePHC(good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	bad := map[string]string{
		"plain text":              "password",
		"unknown algorithm":       "$argon3$v=19$m=19456,t=2,p=1$" + salt22 + "$" + key43,
		"argon2d":                 strings.Replace(good, "argon2id", "argon2d", 1),
		"md5crypt":                "$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0",
		"sha512crypt":             "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1",
		"PHP's broken bcrypt":     "$2x$05$" + bc53,
		"version 16":              strings.Replace(good, "v=19", "v=16", 1),
		"no version":              strings.Replace(good, "$v=19", "", 1),
		"2 GiB":                   strings.Replace(good, "m=19456", "m=2097152", 1),
		"memory that overflows":   strings.Replace(good, "m=19456", "m=18446744073709571072", 1),
		"a million passes":        strings.Replace(good, "t=2", "t=1000000", 1),
		"no passes":               strings.Replace(good, "t=2", "t=0", 1),
		"no lanes":                strings.Replace(good, "p=1", "p=0", 1),
		"255 lanes":               strings.Replace(good, "p=1", "p=255", 1),
		"memory below the lanes":  strings.Replace(good, "m=19456,t=2,p=1", "m=64,t=2,p=16", 1),
		"leading zero":            strings.Replace(good, "t=2", "t=02", 1),
		"plus sign":               strings.Replace(good, "t=2", "t=+2", 1),
		"other order":             strings.Replace(good, "m=19456,t=2", "t=2,m=19456", 1),
		"parameter twice":         strings.Replace(good, "t=2,p=1", "t=2,t=2,p=1", 1),
		"parameter too many":      strings.Replace(good, "p=1", "p=1,x=1", 1),
		"parameter missing":       strings.Replace(good, ",p=1", "", 1),
		"padding":                 good + "=",
		"spare bits":              good[:len(good)-1] + "d",
		"line break":              good[:len(good)-5] + "\n" + good[len(good)-5:],
		"part too many":           good + "$",
		"no salt":                 strings.Replace(good, salt22, "", 1),
		"short salt":              strings.Replace(good, salt22, "c29tZQ", 1),
		"no key":                  strings.Replace(good, key43, "", 1),
		"short key":               strings.Replace(good, key43, "CTFhFdXPJO0", 1),
		"huge":                    good + strings.Repeat("A", 1<<20),
		"bcrypt cost 31":          "$2b$31$" + bc53,
		"bcrypt cost 3":           "$2b$03$" + bc53,
		"bcrypt cost of 1 digit":  "$2b$5$" + bc53,
		"bcrypt cost of 3 digits": "$2b$005$" + bc53,
		"bcrypt cut off":          "$2b$05$" + bc53[:52],
		"bcrypt salt":             "$2b$05$" + "=" + bc53[1:],
		"bcrypt-sha256 cost 31":   "$bcrypt-sha256$v=2,t=2b,r=31$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
		"bcrypt-sha256 version 1": "$bcrypt-sha256$2b,12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
		"scrypt of 1 GiB":         "$scrypt$ln=20,r=8,p=1$" + salt22 + "$" + key43,
		"scrypt ln 58":            "$scrypt$ln=58,r=8,p=1$" + salt22 + "$" + key43,
		"scrypt p a million":      "$scrypt$ln=1,r=1,p=1000000$" + salt22 + "$" + key43,
		"scrypt 128 MiB 64 times": "$scrypt$ln=17,r=8,p=64$" + salt22 + "$" + key43,
		"scrypt no key":           "$scrypt$ln=15,r=8,p=1$" + salt22 + "$",
		"scrypt key of one byte":  "$scrypt$ln=15,r=8,p=1$" + salt22 + "$AA",
		"yescrypt":                "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
		"pbkdf2 a billion":        "$pbkdf2-sha256$1000000000$" + salt22 + "$" + key43,
		"pbkdf2 negative":         "$pbkdf2-sha256$-1$" + salt22 + "$" + key43,
		"pbkdf2 md5":              "$pbkdf2-md5$6400$" + salt22 + "$" + key43,
		"pbkdf2 key of one byte":  "$pbkdf2-sha256$6400$" + salt22 + "$AA",
	}
	for name, s := range bad {
		for how, parse := range map[string]func(string) (PHC, error){"ParsePHC": ParsePHC, "ParseImported": ParseImported} {
			phc, err := parse(s)
			if !errors.Is(err, ErrMalformedHash) || !phc.Empty() {
				t.Errorf("%s: %s = %v, want ErrMalformedHash", name, how, err)
			} else if (len(s) > 8 && strings.Contains(err.Error(), s)) || strings.Contains(err.Error(), key43) || strings.Contains(err.Error(), salt22) {
				t.Errorf("%s: the error quotes the hash: %v", name, err)
			}
		}
	}
	if _, err := ParseImported(" \n"); !errors.Is(err, ErrMalformedHash) {
		t.Errorf("importing nothing = %v, want ErrMalformedHash", err)
	}
	if phc, err := ParsePHC(""); err != nil || !phc.Empty() {
		t.Errorf("a user without a password is read as %v", err)
	}
}

func TestPHCRedacts(t *testing.T) {
	phc := newPHC("$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$" + key43)
	holder := struct {
		PHC PHC
		phc PHC
		key APIKey
	}{phc, phc, APIKey{Digest: secret.Sum([]byte("x"))}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "phc", phc, "holder", holder)
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(asJSON) + phc.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, phc) + fmt.Sprintf(verb, holder) + fmt.Sprintf(verb, &holder)
	}
	if strings.Contains(out, key43) || strings.Contains(out, salt22) || strings.Contains(out, fmt.Sprintf("%x", key43)) {
		t.Errorf("a hash is printed: %s", out)
	}
	if s := fmt.Sprintf("%d %x", phc, phc); s != "[redacted] [redacted]" {
		t.Errorf("prints as %q", s)
	}
	if phc == (PHC{}) || phc != newPHC(phc.Reveal()) {
		t.Error("two hashes are not == by their text")
	}
}

func FuzzParsePHC(f *testing.F) {
	for _, tt := range importedHashes {
		f.Add(tt.hash)
	}
	f.Add("$pbkdf2-sha512$i=1$c2FsdA$" + key43)
	f.Fuzz(func(t *testing.T, s string) {
		phc, err := ParsePHC(s)
		if err != nil {
			if !errors.Is(err, ErrMalformedHash) || !phc.Empty() {
				t.Fatalf("ParsePHC = %v, %v", phc, err)
			}
		} else if phc.Reveal() != s {
			t.Fatal("reading changes the text")
		}
		if strings.HasPrefix(s, "$argon2") && err == nil {
			h, err := parseHash(s)
			if err != nil {
				t.Fatal(err)
			}
			a := h.(argon2Hash)
			if a.encode() != s {
				t.Fatalf("%q is a second spelling of %q", s, a.encode())
			}
			if a.cost.validate() != nil {
				t.Fatalf("cost %+v is out of bounds", a.cost)
			}
		}
		if imported, err := ParseImported(s); err == nil {
			if again, err := ParsePHC(imported.Reveal()); err != nil || again != imported {
				t.Fatalf("what was imported cannot be read back: %v", err)
			}
		}
	})
}
