package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
	"pregon/clients/harness"
)

// encryption is what a connection over TLS needs that trusts the authority that a variable names, nil for a plain one.
func encryption(variable string) *tls.Config {
	authority, encrypted := os.LookupEnv(variable)
	if !encrypted {
		return nil
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(harness.Must(os.ReadFile(authority)))
	if own, shown := os.LookupEnv("PREGON_CERT"); shown {
		pair := harness.Must(tls.LoadX509KeyPair(own, os.Getenv("PREGON_KEY")))
		config.Certificates = []tls.Certificate{pair}
	}
	if os.Getenv("PREGON_TLS_MAX") == "TLSv1.2" {
		config.MaxVersion = tls.VersionTLS12
	}
	return config
}

// aConnectionOutlivesItsCertificate: who is there stays; who comes sees the new certificate, for which only an authority
// vouches that it has to trust.
func aConnectionOutlivesItsCertificate(ctx context.Context) {
	// Of the whole pool one connection, so that what was there before is used.
	before := connect().Conn()
	pubsub := subscribe(ctx, connect(), "news")
	harness.Check(before.Ping(ctx).Err())
	harness.Ask("renew")
	harness.Equal(harness.Must(before.Publish(ctx, "news", "still there").Result()), 1)
	expectMessage(ctx, pubsub, "news", "still there")
	renewed := options()
	renewed.TLSConfig = encryption("PREGON_NEXT_CA")
	harness.Equal(publish(ctx, redis.NewClient(renewed), "news", "there anew"), 1)
	expectMessage(ctx, pubsub, "news", "there anew")
	expectRefusal(ctx, "certificate signed by unknown authority")
}

func aRefusedCertificateIsTold(ctx context.Context) {
	expectRefusal(ctx, os.Getenv("PREGON_REFUSAL"))
}

func expectRefusal(ctx context.Context, text string) {
	err := connect().Ping(ctx).Err()
	if err == nil || !strings.Contains(err.Error(), text) {
		harness.Fail("got %v, want %s", err, text)
	}
}
