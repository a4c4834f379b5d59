"""The aws CLI without its start: a server that has it imported and forks for
every command.

Most of a command's work is Python that starts and models that are parsed, EC2's
above all, and a suite has hundreds of commands. What runs is the CLI's own code
as it is installed, in a process of its own for each command, with the caller's
arguments, environment, folder, standard streams and signals.

    python3 warm_aws.py SOCKET SHIM SERVICE...

serves on SOCKET, writes the command that asks it to SHIM when it is ready, and
has the models of the services named parsed by then.
"""

import importlib
import io
import json
import os
import signal
import socket
import sys
import traceback

import awscli.clidriver

# What a caller runs: no site packages, nothing to import but this.
SHIM = '''#!{python} -IS
import json, os, signal, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({socket!r})
said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(s, [len(said).to_bytes(4, 'big')], [0, 1, 2])
s.sendall(said)
answers = s.makefile()
pid = int(answers.readline() or 0)
if not pid:
    sys.exit(255)  # it never began
for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(n, lambda n, _: os.kill(pid, n))
code = answers.readline()
sys.exit(int(code) if code else 255)
'''


def botocore(module=''):
    """The CLI's own: from version 2 on it has one inside."""
    session = type(awscli.clidriver.create_clidriver().session).__module__  # "botocore.session"
    return importlib.import_module('.'.join(filter(None, [session.rpartition('.')[0], module])))


def remember(loader):
    """Parses each model file once: children inherit it, and none changes another's."""
    load, known = loader.load_file, {}

    def load_file(self, path):
        if path not in known:
            known[path] = load(self, path)
        return known[path]

    loader.load_file = load_file


def warm(services):
    """Has each service's models parsed, and imported what is imported late."""
    session = botocore('session').Session()
    models = session.get_component('data_loader')
    for service in services:
        session.create_client(service, 'us-east-1', aws_access_key_id='none', aws_secret_access_key='none')
        for kind in ('paginators-1', 'waiters-2'):
            if service in models.list_available_services(kind):
                models.load_service_model(service, kind)
        operation = session.get_service_model(service).operation_names[0]
        quietly('s3api' if service == 's3' else service, botocore().xform_name(operation, '-'), '--generate-cli-skeleton')


def quietly(*command):
    """Runs a command that asks nobody."""
    shown, sys.stdout = sys.stdout, io.StringIO()
    try:
        awscli.clidriver.create_clidriver().main(list(command))
    finally:
        sys.stdout = shown


def run(conn):
    """Is the command: takes the caller's place and does not return."""
    head, fds, _, _ = socket.recv_fds(conn, 4, 3)
    size = int.from_bytes(head, 'big')
    said = b''
    while len(said) < size:
        said += conn.recv(size - len(said))
    args, folder, environment = json.loads(said)
    for n, fd in enumerate(fds):
        os.dup2(fd, n)
        os.close(fd)
    os.chdir(folder)
    data = os.environ['AWS_DATA_PATH']  # set as awscli was imported
    os.environ.clear()
    os.environ.update(environment)
    os.environ['AWS_DATA_PATH'] = os.pathsep.join([data, *filter(None, [environment.get('AWS_DATA_PATH')])])
    for n, f in (1, sys.stdout), (2, sys.stderr):
        f.reconfigure(line_buffering=n == 2 or os.isatty(n))
    sys.argv = ['aws', *args]
    conn.sendall(b'%d\n' % os.getpid())
    try:
        code = awscli.clidriver.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
    conn.sendall(b'%d\n' % (code or 0))
    os._exit(0)


def serve(path, shim, services):
    remember(botocore('loaders').JSONFileLoader)
    warm(services)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the children away
    with open(shim + '.new', 'w') as f:
        f.write(SHIM.format(python=sys.executable, socket=path))
    os.chmod(shim + '.new', 0o755)
    os.rename(shim + '.new', shim)
    while True:
        conn, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(conn)
        conn.close()


if __name__ == '__main__':
    serve(sys.argv[1], sys.argv[2], sys.argv[3:])
