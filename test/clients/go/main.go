// What a client in Go needs for our APIs, with the standard library alone.
//
//	go run main.go token URL TOKEN           verifies an attestation token by the published keys, prints its ueid
//	go run main.go encrypt URL APPID APIKEY  creates a key, encrypts and decrypts with it, prints the plaintext
package main

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	var result string
	var err error
	switch arguments := os.Args[2:]; os.Args[1] {
	case "token":
		result, err = verifyToken(arguments[0], arguments[1])
	case "encrypt":
		result, err = encryptAndDecrypt(api{url: arguments[0], appID: arguments[1], apiKey: arguments[2]})
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
}

func verifyToken(url, token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("not a JWT")
	}
	var header struct{ Alg, Kid string }
	if err := decodePart(parts[0], &header); err != nil {
		return "", err
	}
	key, err := publishedKey(url, header.Kid)
	if err != nil {
		return "", err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", err
	}
	hash, ok := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[header.Alg[2:]]
	if !ok {
		return "", fmt.Errorf("unknown algorithm %s", header.Alg)
	}
	digest := hash.New()
	digest.Write([]byte(parts[0] + "." + parts[1]))
	if strings.HasPrefix(header.Alg, "PS") {
		err = rsa.VerifyPSS(key, hash, digest.Sum(nil), signature, nil)
	} else {
		err = rsa.VerifyPKCS1v15(key, hash, digest.Sum(nil), signature)
	}
	if err != nil {
		return "", err
	}
	var claims struct {
		Ueid string
		Exp  int64
	}
	if err := decodePart(parts[1], &claims); err != nil {
		return "", err
	}
	if time.Now().Unix() >= claims.Exp {
		return "", errors.New("expired")
	}
	return claims.Ueid, nil
}

func publishedKey(url, kid string) (*rsa.PublicKey, error) {
	response, err := http.Get(url + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var set struct{ Keys []struct{ Kid, N, E string } }
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	for _, key := range set.Keys {
		if key.Kid != kid {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(key.N)
		if err != nil {
			return nil, err
		}
		e, err := base64.RawURLEncoding.DecodeString(key.E)
		if err != nil {
			return nil, err
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, fmt.Errorf("no key %s", kid)
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

type api struct{ url, appID, apiKey string }

// call signs a request over its fields in alphabetical order, those of the payload inside it likewise.
func (a api) call(action string, payload map[string]string) (map[string]string, error) {
	timestamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	signed := "appid=" + a.appID + "&payload=" + joined(payload) + "&timestamp=" + timestamp
	mac := hmac.New(sha256.New, []byte(a.apiKey))
	mac.Write([]byte(signed))
	body, err := json.Marshal(map[string]any{
		"appid": a.appID, "timestamp": timestamp, "payload": payload, "sign": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	})
	if err != nil {
		return nil, err
	}
	response, err := http.Post(a.url+"/ehsm?Action="+action, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Code    int
		Message string
		Result  map[string]string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Code != 200 {
		return nil, fmt.Errorf("%s: %d %s", action, answer.Code, answer.Message)
	}
	return answer.Result, nil
}

func joined(payload map[string]string) string {
	fields := make([]string, 0, len(payload))
	for name, value := range payload {
		fields = append(fields, name+"="+value)
	}
	sort.Strings(fields)
	return strings.Join(fields, "&")
}

func encryptAndDecrypt(a api) (string, error) {
	key, err := a.call("CreateKey", map[string]string{"keyspec": "EH_AES_GCM_256", "origin": "EH_INTERNAL_KEY"})
	if err != nil {
		return "", err
	}
	plaintext := base64.StdEncoding.EncodeToString([]byte("a card number"))
	sealed, err := a.call("Encrypt", map[string]string{"keyid": key["keyid"], "plaintext": plaintext})
	if err != nil {
		return "", err
	}
	opened, err := a.call("Decrypt", map[string]string{"keyid": key["keyid"], "ciphertext": sealed["ciphertext"]})
	if err != nil {
		return "", err
	}
	text, err := base64.StdEncoding.DecodeString(opened["plaintext"])
	return string(text), err
}
