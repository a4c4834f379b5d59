//go:build linux

package toolbox

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMain lets the test's own program be the tools.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); Has(name) {
		os.Exit(Run(context.Background(), os.Args[0], os.Args[1:]))
	}
	inheritNothing()
	os.Exit(m.Run())
}

// inheritNothing has what the tests start not ignore what this process may have
// been told to (by nohup, or in the background): shells cannot trap such signals.
func inheritNothing() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGPIPE} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// linkTools makes a folder with a link for each tool.
func linkTools(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, n := range Names() {
		if err := os.Symlink(self, filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scripts do the same with the system's own bash and tools as with ours: same
// output, same status. What the tools print to say that something went wrong
// differs, and is not compared.
var scripts = []string{
	`echo hello world; echo -n no; echo -e 'a\tb'; printf '%s-%05d|%x\n' a 42 255; exit 3`,
	`printf 'b\na\nc\na\n' | sort | uniq -c | sort -rn | head -1 | tr -s ' '`,
	`printf '10\n9\n100\n' | sort -n; printf '10 b\n9 a\n' | sort -k2,2; printf 'a:3\nb:1\n' | sort -t: -k2n; printf 'x\nX\n' | sort -fu; printf '1.10\n1.9\n' | sort -V`,
	`seq 1 20 | head -n 3; seq 20 | tail -2; seq 5 | tail -n +4; seq 5 | head -n -3; seq -s, 2 2 10; printf 'abcdef' | head -c 3; printf 'abcdef' | tail -c 2`,
	`printf 'a b c\nd e\n' > f; wc -l < f; wc f | tr -s ' '; wc -w f; wc -c f`,
	`printf 'one:two:three\n' | cut -d: -f2; printf 'one:two:three\n' | cut -d: -f1,3; printf 'abcdef\n' | cut -c2-4; printf 'nosep\n' | cut -d: -f2; printf 'nosep\n' | cut -s -d: -f2; printf 'a,b,c\n' | cut -d, -f2-`,
	`echo Hello | tr a-z A-Z; echo hello | tr -d l; echo 'a  b' | tr -s ' '; printf 'a\nb\n' | tr '\n' ' '; echo abc123 | tr -cd '[:digit:]'; echo; echo aB | tr '[:lower:][:upper:]' '[:upper:][:lower:]'`,
	`printf 'foo\nbar\nbaz\n' > f; grep ba f; grep -c ba f; grep -v ba f; grep -n baz f; grep -i FOO f; grep -q nope f; echo $?; grep -E 'foo|baz' f; grep -o 'a.' f; grep -w ba f; echo $?`,
	`printf 'a+b\naab\n' | grep 'a+b'; printf 'a+b\naab\n' | grep -E 'a+b'; printf 'x{1}\n' | grep 'x{1}'; printf 'abab\n' | grep '\(ab\)\{2\}'; printf 'a.b\naxb\n' | grep -F a.b; printf '[x]\n' | grep '\[x]'`,
	`seq 1 9 | grep -A1 -B1 5; seq 3 | grep -e 1 -e 3; mkdir d; echo needle > d/x; echo hay > d/y; grep -r needle d; grep -rl needle d; seq 1 30 | grep -C1 -E '^(5|15)$'; printf 'q\n' | grep -x q`,
	`printf 'hello\nworld\n' | sed 's/o/0/g'; printf 'a\nb\nc\n' | sed -n '2p'; printf 'a\nb\nc\n' | sed '2d'; printf 'a\nb\nc\n' | sed '/b/,$d'; echo abc | sed 's/\(a\)\(b\)/\2\1/'; echo abc | sed -E 's/(a)(b)/\2\1/'; echo aaa | sed 's/a/b/2'`,
	`printf 'k=v\n' > f; sed -i 's/v/w/' f; cat f; sed -i.bak 's/w/x/' f; cat f f.bak; printf 'a\nb\n' | sed '1a after'; printf 'a\nb\n' | sed '1i\before'; printf 'a\nb\n' | sed '2c\changed'; echo /a/b | sed 's|/|:|g'; echo x | sed 's/x/&&/'`,
	`printf 'a\nb\nc\n' | sed '$!N;s/\n/-/'; printf '1\n2\n3\n' | sed -n '$='; printf 'abc\n' | sed 'y/abc/xyz/'; printf 'a\nb\nc\n' | sed '1!G;h;$!d'; printf 'one\ntwo\n' | sed -e '/one/{s/o/0/;s/n/N/}' -e 's/t/T/'; seq 5 | sed '2q'; seq 10 | sed -n '2,4p;8p'; seq 6 | sed '0~2d' ; echo 'A b' | sed 's/[aA] /\U&/I'`,
	`printf 'a 1\nb 2\n' | awk '{ s += $2; print $1 } END { print s }'; echo a:b | awk -F: '{print $2}'; awk 'BEGIN { printf "%.2f\n", 3.14159 }'; echo x | awk -v y=5 '{print y+1}'; printf 'k v\n' | awk '/k/ {print NR, NF}'`,
	`mkdir -p a/b/c; touch a/b/c/f a/x; ls a; ls -1 a/b; find a -type f | sort; find a -name '*.txt'; find a -maxdepth 1 -type d | sort; rm -r a/b; ls -A a; rmdir a; echo $?; rm -f nope; rm nope; echo $?`,
	`echo one > f; cp f g; mkdir d; cp f g d; ls d; mv g h; ls; cp -r d e; ls e; mv e d; ls d; cp -a f k; cmp f k; echo $?; cp nope x; echo $?; cp d y; echo $?`,
	`echo x > f; ln -s f l; readlink l; ln f hard; stat -c '%h %s %F' f; cat l; rm f; cat hard; test -L l; echo $?; test -e l; echo $?; ln -sf hard l; cat l; readlink -f l | sed 's|.*/||'`,
	`touch f; chmod 640 f; stat -c %a f; chmod u+x,g-r,o=r f; stat -c %a f; chmod a+rwx f; stat -c '%a %A' f; mkdir d; chmod 1777 d; stat -c %A d; chmod -R go-w d; stat -c %a d; chmod +x f; chmod u=rwx,go= f; stat -c %a f`,
	`mkdir d; printf data > d/f; ln -s f d/l; tar czf a.tgz d; tar tzf a.tgz | sort; mkdir x; tar xzf a.tgz -C x; cat x/d/f; readlink x/d/l; tar cf - d | tar xf - -C x; tar -xf a.tgz --strip-components=1 -C x; ls x; gzip -c d/f | gunzip; printf z > z; gzip z; ls z*; gunzip z.gz; cat z`,
	`printf abc | md5sum; printf abc | sha256sum; printf abc | sha1sum; printf abc | sha512sum; printf abc > f; sha256sum f > s; sha256sum -c s; printf 'hello' | base64; printf 'aGVsbG8=' | base64 -d; head -c 100 /dev/zero | base64 -w 0`,
	`basename /a/b.txt .txt; dirname /a/b; basename a/; dirname a; echo a/b/c | xargs basename; printf 'a b\nc\n' | xargs -n1 echo x; printf '1\n2\n' | xargs -I{} echo '<{}>'; find . -maxdepth 0 -exec echo found {} \;; printf 'a\0b' | xargs -0 echo; printf "'q r' s" | xargs -n1 echo`,
	`mkdir d; touch d/1 d/2; find d -type f -exec echo {} + | wc -w; find d -name 1 -delete; ls d; find d -empty | sort; find d \( -name 1 -o -name 2 \) -print; find d ! -name 2 -type d; echo long > d/3; find d -size +0c -type f; find d -type f -newer d/2 | wc -l`,
	`date -u -d @0 +%Y-%m-%dT%H:%M:%SZ; date -u -d '2024-02-29 12:00:00' '+%j %a %b %e %s %y %-d'; date -u -d @86400 +%F; date -u -d @1700000000 '+%A %B %d %I:%M:%S %p %u'`,
	`id -u; whoami; test "$(hostname)" = "$(uname -n)"; echo $?; uname -s; env -i A=1 env; A=1 printenv A; printenv NOPE; echo $?; true; echo $?; false; echo $?; timeout 5 echo in time; timeout 0.1 sleep 5; echo $?; which nope; echo $?`,
	`for i in 1 2 3; do [ $i -eq 2 ] && continue; echo $i; done; f() { local x=$1; echo "f $x $#"; return 4; }; f a b; echo $?; case abc in a*) echo yes;; *) echo no;; esac; x=(1 2 3); echo ${#x[@]} ${x[1]}; echo ${HOME:+set} ${NOPE:-default}; a=abcdef; echo ${a:2:3} ${a#ab} ${a%ef} ${a/c/X} ${a^^}`,
	`cat <<EOF | while read -r l; do echo "<$l>"; done
one $((1+2))
two
EOF
set -e; echo before; false; echo after`,
	`trap 'echo bye' EXIT; echo hi; (exit 7) || echo "sub $?"; set -u; echo ${NOPE-unset}; cd /; pwd; echo "$(cd /usr; pwd)"; [[ abc =~ ^a(.)c$ ]] && echo ${BASH_REMATCH[1]}; exit 9`,
	`printf 'a\n' | tee f g > /dev/null; cat f g; echo b | tee -a f; cat f; tac f; dd if=/dev/zero of=z bs=1k count=3 status=none; stat -c %s z; du -b z | cut -f1; cmp z f > /dev/null; echo $?; head -c 4 z | wc -c; nproc --help > /dev/null 2>&1; mktemp -d -p . tmp.XXXXXX | wc -c; install -m 600 f i; stat -c %a i`,
	`sleep 0.05 & p=$!; wait $p; echo $?; (sleep 0.02; exit 3) & wait $!; echo $?; x=7; f() { echo "f $x $1"; }; f a & wait; sleep 5 & kill $!; wait $!; echo $?; { echo grouped; echo twice; } > out & wait; cat out; echo $(sleep 0 & echo sub)`,
	`x=$(sh -c '{ sleep 1; echo late > f; } > /dev/null 2>&1 < /dev/null & echo quick' | cat); test -e f; echo $x $?; echo in > i; cat < i > o & wait; cat o`,
	`sh -c 'sleep 0.1 > /dev/null 2>&1 & echo started'; sh -c 'exec echo replaced; echo not reached'; umask 077; touch m; stat -c %a m; umask; nohup echo kept 2>/dev/null & wait; echo 'it'"'"'s' & wait`,
	`echo 'echo from script $1 $0' > s; chmod +x s; sh s arg; printf '#!/bin/sh\necho run\n' > r; chmod 755 r; ./r; sh -c 'echo $0 $1' zero one; bash -c 'set -- a b; shift; echo $1'; echo 'echo piped' | sh; sh -e -c 'false; echo no'; echo $?; printf 'echo first\nif\n' | sh 2>/dev/null; echo $?`,
	`mkdir d; echo kept > d/f; cat d 2>/dev/null; echo $?; cat d d/f 2>/dev/null; echo $?; grep kept d 2>/dev/null; echo $?; grep -r kept d; (yes; echo "status $?" >&2) 2>&1 | head -1; sh -c 'kill -HUP $$; echo not reached'; echo $?`,
	`printf '%.2f %5.1f|%-8s|%08.3f|%X %o %e\n' 3.14159 2.5 x 3.14159 255 8 1234.5; printf -v v '%03d' 7; echo $v; printf '%q\n' 'a b'; printf '%(%Y)T\n' 0; printf '%s-%s\n' a b c; printf '%b|%c|%%|%*d\n' 'x\ty' abc 5 42; printf '\x41\101\n'; printf '%d\n' 0x1f "'A"; printf '%s\n'; printf '%d\n' abc 2>/dev/null; echo $?`,
	`trap 'echo got TERM' TERM; kill -TERM $$; echo after; trap 'echo int; exit 3' INT; kill -INT $$; echo not reached`,
	`trap 'echo cleaned' EXIT; kill -TERM $$; sleep 60 > /dev/null; echo not reached`,
	`trap '' HUP; kill -HUP $$; echo lives; trap - HUP; trap 'echo end' EXIT INT TERM; kill -HUP $$; sleep 60 > /dev/null; echo not reached`,
	`trap 'echo woken; kill $p; exit 4' USR1; sleep 60 > /dev/null & p=$!; (sleep 0.1; kill -USR1 $$) & wait $p; echo "wait $?"`,
	`sleep 30 & jobs; kill %1; wait %1; echo $?; sleep 0.01 & p=$!; wait -n; echo $?; wait $p; echo $?; sleep 30 & jobs -p | wc -l; disown; wait; kill $!; ulimit -n > /dev/null; echo $?`,
	`read -p 'name: ' n <<< bob; echo $n; printf abc | { read -n 2 c; echo $c; }; read -t 1 x < /dev/null; echo $?; printf 'a\0b\0' | while IFS= read -r -d '' f; do echo "<$f>"; done; printf 'one two' | { read -d '' a b; echo "$?$b$a"; }; read -n 3 x y <<< abcdef; echo $x$y`,
	`nosuchprogram 2> e; echo $?; sed 's/.*: line 1: //' e; ./nosuch 2> e; echo $?; sed 's/.*: line 1: //' e; mkdir d; ./d 2> e; echo $?; sed 's/.*: line 1: //' e; echo x > f; ./f 2> e; echo $?; sed 's/.*: line 1: //' e; cd nowhere 2> e; echo $?; sed 's/.*: line 1: //' e; cd f 2> e; sed 's/.*: line 1: //' e`,
	`sleep 5 & kill -0 $!; echo $?; kill -9 $!; wait $!; echo $?; kill -l 9; kill -l TERM; kill -l 143; sh -c 'kill -TERM -- -$$' 2>/dev/null; (kill) 2>/dev/null; test $? -ne 0; echo $?; setsid sh -c 'sleep 5 & kill -TERM -$$'; echo $?; pgrep -c nosuchprogram; test -n "$HOSTNAME" && echo "$OSTYPE"`,
	`mkdir -p a/b; touch a/b/f; find . | sort; find ./a -type f; find a/ -type f; find . -type f -exec echo {} \;; echo x > a/b/f; grep -r x .; grep -r x ./a; grep -rl x a; grep -r x; tar -cvf t.tar a; tar -czf - a | tar tz; timeout -s KILL 0.1 sleep 5; echo $?`,
	`date -u -d '2024-01-31 UTC' +%F; date -u -d '2024-01-01 12:00 UTC' +%s; date -d yesterday +%F | wc -c; test $(date -d tomorrow +%s) -gt $(date +%s); echo $?; date -I | wc -c; date -Iseconds | wc -c; date -u -d @0 --iso-8601=seconds; touch -d '2020-01-02 03:04:05' f; date -r f +%F; date -d '1 month ago' +%F | wc -c`,
	`ps -o pid= -p $$ | tr -d ' ' | grep -cx $$; ps -p $$ -o comm= | wc -w; ps aux | head -1 | tr -s ' '; ps -ef | tail -n +2 | wc -l | grep -vcx 0; ps -eo pid,comm,args | head -1 | tr -s ' '; sleep 5 & ps -p $! --no-headers -o pid | wc -l; kill $!; wait $!; ps -p $! > /dev/null; echo $?; ps -C nosuchprogram > /dev/null; echo $?; ps -eo user,pid --sort=-pid | sed -n 2p | wc -w`,
	`printf 'a\tb\n\n\n\001\377x' > f; cat -A f; echo; cat -T f; echo; cat -E f; echo; cat -v f; echo; cat -ns f; echo; cat -bE f f; echo; cat -n f f;`,
	`printf 'a\nc\nb\n' > f; sort -c f 2> e; echo $?; cat e; sort f | sort -c; echo $?; sort -C f; echo $?; printf '1\n1\n' | sort -cu 2>/dev/null; echo $?; printf '2\n10\n' | sort -cn; echo $?; printf '3\n2\n' | sort -cr; echo $?; sort -c f f 2>/dev/null; echo $?`,
	`seq -f '%03g' 3; seq -f 'n%.1f%%' 0 0.5 1; seq -f %g 100000 1 100001; seq -f x 2 2>/dev/null; echo $?; seq 2 1; seq -2 0; seq -w 8 10; seq 3 -1 1`,
	`mkdir -p d/e; printf 12345 > d/f; chmod 640 d/f; ln -s f d/l; touch -d @1700000000 d/f; find d -name f -printf '%p %f %h %s %m %M %u %U %g %G %d %y %n %T@ %TY-%Tm-%Td %t %%\t|\n'; find d -type l -printf '%p -> %l %y\n'; find d -mindepth 1 -printf '%f\n' | sort; find d -printf '%q' > /dev/null 2>&1 || true`,
	`TZ=Nowhere/City date -u -d @0 +%F; free -m | head -1 | tr -s ' '; df -i / | head -1 | tr -s ' '; df -T / | head -1 | cut -c1-10; df -h nosuchfile > /dev/null 2>&1; echo $?; lsblk -o NOSUCH > /dev/null 2>&1; echo $?`,
	`printf '1\n2\n3\n' > f; printf 'a\nb\n' > g; paste f g; paste -d, f g; paste -s -d+ f; seq 4 | paste - ; truncate -s 1K t; stat -c %s t; truncate -s -24 t; stat -c %s t; truncate -s +1 t; stat -c %s t; truncate -c -s 1 nope; ls nope 2>/dev/null; tty < /dev/null; echo $?; groups root`,
	`getent passwd root | cut -d: -f1; ls nope 2>/dev/null; echo $?; cat nope 2>/dev/null; echo $?; ls -d .; touch -d '2020-01-02 03:04:05' t; TZ=UTC stat -c %Y t >/dev/null; ls -R . | head -1; mkdir q; touch q/.h q/v; ls q; ls -a q; sleep 0.01; yes | head -2; kill -l >/dev/null; echo $?`,
}

func TestScripts(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("SKIPPED: there is no bash to compare with")
	}
	tools := linkTools(t)
	for _, script := range scripts {
		t.Run(script[:min(24, len(script))], func(t *testing.T) {
			t.Parallel()
			want, wantStatus := runScript(t, bash, os.Getenv("PATH"), script)
			got, gotStatus := runScript(t, filepath.Join(tools, "bash"), tools, script)
			if got != want || gotStatus != wantStatus {
				t.Errorf("%s\n--- ours (status %d):\n%s\n--- the system's (status %d):\n%s", script, gotStatus, got, wantStatus, want)
			}
		})
	}
}

func runScript(t *testing.T, shell, path, script string) (out string, status int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), shell, "-c", script)
	c.Dir = t.TempDir()
	// Under the race detector each tool would otherwise wait a second at its end.
	c.Env = []string{"PATH=" + path, "LC_ALL=C", "HOME=/root", "TZ=UTC", "GORACE=atexit_sleep_ms=0"}
	var b bytes.Buffer
	c.Stdout = &b
	c.Run()
	return b.String(), c.ProcessState.ExitCode()
}
