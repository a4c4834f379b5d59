//go:build linux

package toolbox

// tools is the table of all tools. It is made when it is asked for, so that a
// program that needs none pays for none.
func tools() map[string]tool {
	return map[string]tool{
		// The shell, and small programs for its scripts.
		"sh": sh, "bash": sh,
		"true": func(*call) error { return nil }, "false": func(*call) error { return exit(1) },
		"echo": builtin, "printf": builtin, "test": builtin, "[": builtin, "pwd": builtin,
		"sleep": sleep, "timeout": timeout, "env": env, "printenv": printenv, "nohup": nohup, "setsid": setsid, "which": which, "seq": seq, "yes": yes, "clear": clear,
		"xargs": xargs, "tee": tee, "date": date,
		// Files.
		"ls": ls, "ll": ls, "cp": cp, "mv": mv, "rm": rm, "mkdir": mkdir, "rmdir": rmdir, "ln": ln, "touch": touch, "mktemp": mktemp, "install": install,
		"chmod": chmod, "chown": chown, "chgrp": chown, "stat": stat, "readlink": readlink, "realpath": readlink, "basename": basename, "dirname": dirname,
		"find": find, "du": du, "dd": dd, "file": file, "sync": syncFiles, "tar": tarTool, "gzip": gzipTool, "gunzip": gzipTool, "zcat": gzipTool,
		"md5sum": sum, "sha1sum": sum, "sha256sum": sum, "sha512sum": sum, "base64": base64Tool, "cmp": cmpFiles,
		// Text.
		"cat": cat, "tac": tac, "head": head, "tail": tail, "wc": wc, "sort": sortLines, "uniq": uniq, "cut": cut, "tr": tr,
		"grep": grep, "egrep": grep, "fgrep": grep, "sed": sed, "awk": awk,
		"paste": paste, "truncate": truncate, "less": less, "more": less, "tty": tty,
		// The machine.
		"useradd": alone(useradd), "adduser": alone(useradd), "usermod": alone(usermod), "userdel": alone(userdel), "groupadd": alone(groupadd), "passwd": passwd, "groups": groups,
		"cloud-init": cloudInit, "journalctl": journalctl, "hostnamectl": hostnamectl, "lscpu": lscpu, "ec2-metadata": ec2Metadata,
		"id": id, "whoami": whoami, "hostname": hostname, "uname": uname, "arch": uname, "nproc": uname, "ps": ps, "kill": kill, "pkill": kill, "killall": kill, "pgrep": kill, "pidof": kill,
		"free": free, "uptime": uptime, "df": df, "mount": mount, "umount": umount, "lsblk": lsblk, "blkid": blkid, "resize2fs": resize2fs,
		"mkfs": mkfs, "mkfs.ext4": mkfs, "mke2fs": mkfs,
		"sysctl": sysctl, "getent": getent, "stress": stress, agentName: agent, agentName + "-ctl": agentControl, "blackhole": blackhole, "toolbox": listTools,
		"shutdown": shutdown, "poweroff": shutdown, "halt": shutdown, "reboot": shutdown, "init": shutdown,
		"systemctl": systemctl, "service": service, "sudo": sudo, "su": su,
		"yum": packages, "dnf": packages, "apt-get": packages, "apt": packages,
		// The network.
		"ip": ip, "ping": ping, "nc": nc, "ssh": sshClient, "dig": dig, "nslookup": dig, "host": dig, "ss": ss, "curl": curl, "wget": wget, "httpd": httpd, FileServer: sftpServer,
	}
}
