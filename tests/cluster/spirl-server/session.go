package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const sessionLife = 5 * time.Minute

// sessions issues and checks the short-lived tokens of agents.
type sessions struct{ key []byte }

func newSessions() *sessions {
	key := make([]byte, 32)
	rand.Read(key)
	return &sessions{key}
}

func (s *sessions) mac(payload string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(payload))
	return hex.EncodeToString(h.Sum(nil))
}

func (s *sessions) issue(agent string, life time.Duration) string {
	payload := fmt.Sprintf("%s|%d", agent, time.Now().Add(life).Unix())
	return payload + "|" + s.mac(payload)
}

func (s *sessions) check(token string) error {
	i := strings.LastIndexByte(token, '|')
	if i < 0 || !hmac.Equal([]byte(token[i+1:]), []byte(s.mac(token[:i]))) {
		return errors.New("session token has no valid signature")
	}
	_, expiry, _ := strings.Cut(token[:i], "|")
	if at, err := strconv.ParseInt(expiry, 10, 64); err != nil || time.Now().Unix() > at {
		return errors.New("session token expired")
	}
	return nil
}
