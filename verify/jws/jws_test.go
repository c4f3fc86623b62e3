package jws_test

import (
	"encoding/asn1"
	"math/big"

	"tandem.example/tandem/verify/token"
)

// claims are those of a usual access token.
func claims() token.Claims {
	return token.Claims{
		Issuer:    "https://auth.example.com",
		Subject:   "usr_01jh0000000000000000000000",
		Audience:  []string{"https://api.example.com"},
		ClientID:  "app_01jh0000000000000000000000",
		IssuedAt:  1767225600,
		ExpiresAt: 1767225900,
		ID:        "tok_01jh0000000000000000000000",
		SessionID: "ses_01jh0000000000000000000000",
		Revision:  token.Revision{Epoch: "01jh0000", Seq: 4711},
		AuthTime:  1767225000,
		ACR:       "1",
		AMR:       []string{"pwd"},
		Scope:     "accounts payments",
		Roles:     []string{"customer", "beta"},
	}
}

// derOf returns the DER form of an ES256 signature, by the standard library.
func derOf(raw []byte) []byte {
	der, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]),
	})
	if err != nil {
		panic(err)
	}
	return der
}
