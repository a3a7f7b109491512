package deps
import (
 _ "github.com/ProtonMail/go-crypto/openpgp/v2"
 _ "github.com/go-piv/piv-go/v2/piv"
 _ "github.com/hashicorp/vault/api"
 _ "github.com/urfave/cli/v2"
 _ "github.com/rogpeppe/go-internal/testscript"
 _ "go.etcd.io/bbolt"
 _ "go.yaml.in/yaml/v3"
 _ "golang.org/x/sys/unix"
 _ "golang.org/x/term"
 _ "golang.org/x/text/unicode/norm"
 _ "github.com/elastic/go-seccomp-bpf"
 _ "golang.org/x/sync/errgroup"
)
