package siadc09

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrKey: a text is no key.
var ErrKey = errors.New("siadc09: a key is 16, 24 or 32 characters, or 32, 48 or 64 hexadecimal digits")

// Key is an AES key of 128, 192 or 256 bits. The zero value is no key. It prints
// as "[key]", whatever the verb.
type Key struct{ secret string }

// ParseKey reads a key as installers enter it: 16, 24 or 32 characters, which
// are the key's bytes, or 32, 48 or 64 hexadecimal digits. A text of 32
// hexadecimal digits can be read in both ways and is taken for digits; where it
// is meant as characters, use NewKey. The error is ErrKey.
func ParseKey(text string) (Key, error) {
	if b, err := hex.DecodeString(text); err == nil && len(b) >= 16 {
		if k, err := NewKey(b); err == nil {
			return k, nil
		}
	}
	return NewKey([]byte(text))
}

// NewKey returns the key of 16, 24 or 32 bytes; the error is ErrKey.
func NewKey(b []byte) (Key, error) {
	if n := len(b); n != 16 && n != 24 && n != 32 {
		return Key{}, ErrKey
	}
	return Key{string(b)}, nil
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.secret == "" }

// Format writes "[key]", or "[no key]" for the zero Key: secrets are not printed.
func (k Key) Format(f fmt.State, _ rune) {
	if k.IsZero() {
		io.WriteString(f, "[no key]")
		return
	}
	io.WriteString(f, "[key]")
}

// ready makes the key fit for use; nil for the zero Key.
func (k Key) ready() *ready {
	if k.IsZero() {
		return nil
	}
	block, err := aes.NewCipher([]byte(k.secret))
	if err != nil {
		panic("siadc09: a Key of a length that NewKey does not give")
	}
	return &ready{block, k.secret}
}

type ready struct {
	block  cipher.Block
	secret string
}

// keyring has the keys by account number in upper case.
type keyring struct {
	fallback *ready
	accounts map[string]*ready
}

// key returns the account's key, nil where it has none.
func (k *keyring) key(account string) *ready {
	if k == nil {
		return nil
	}
	if r, ok := k.accounts[strings.ToUpper(account)]; ok {
		return r
	}
	return k.fallback
}

// zeroIV is what the standard demands: chains start at zero, and the padding in
// front makes the first block differ.
var zeroIV [aes.BlockSize]byte

// seal encrypts padding and content, whose lengths add up to whole blocks.
func (r *ready) seal(pad, content string) string {
	b := []byte(pad + content)
	cipher.NewCBCEncrypter(r.block, zeroIV[:]).CryptBlocks(b, b)
	return strings.ToUpper(hex.EncodeToString(b))
}

// open decrypts whole blocks.
func (r *ready) open(sealed []byte) []byte {
	b := slices.Clone(sealed)
	cipher.NewCBCDecrypter(r.block, zeroIV[:]).CryptBlocks(b, b)
	return b
}

// pad returns the padding to put in front of content: one byte to a whole block,
// of signs that look random to those without the key but are always the same for
// the same content, so that encoding has no state. A time stamp in the content
// makes them differ from message to message.
func (r *ready) pad(content string) string {
	const signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-" // 64
	mac := hmac.New(sha256.New, []byte(r.secret))
	io.WriteString(mac, content)
	b := mac.Sum(nil)[:padLen(content)]
	for i := range b {
		b[i] = signs[b[i]%64]
	}
	return string(b)
}

// padLen is what content lacks to whole blocks; a block where it lacks nothing.
func padLen(content string) int { return aes.BlockSize - len(content)%aes.BlockSize }
