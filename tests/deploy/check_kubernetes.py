"""Checks the Kubernetes manifests against the programs. Every check yields one line a problem."""

from programs import parse_arguments

NONROOT_UID = 65532
# Which of a program's flags are ports that something outside the pod may reach.
PORT_FLAGS = {
    "belfry-scheduler": ("port", "healthz-port", "metrics-port"),
    "belfry-sidecar": ("dapr-http-port", "dapr-grpc-port", "dapr-public-port", "metrics-port"),
}
# Where each program answers whether it is well.
HEALTH = {
    "belfry-scheduler": {"/healthz": "healthz-port", "/readyz": "healthz-port",
                         "/livez": "healthz-port"},
    "belfry-sidecar": {"/v1.0/healthz": "dapr-public-port",
                       "/v1.0/healthz/outbound": "dapr-public-port"},
}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def program_of(container):
    """The program in a container: images are named after the program they hold."""
    return container["image"].rsplit("/", 1)[-1].split(":")[0]


def ports_of(container, program):
    """flag -> port number, from the arguments or the program's defaults."""
    arguments = parse_arguments(container.get("args", []))
    ports = {}
    for flag in PORT_FLAGS[program.name]:
        value = arguments.get(flag, program.defaults.get(flag, ""))
        if value.isdigit() and int(value) > 0:
            ports[flag] = int(value)
    return ports


def named_ports(container):
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


def resolve_port(container, port):
    """A port's number, whether it is given by name or by number; None if nothing declares it."""
    declared = named_ports(container)
    if isinstance(port, str):
        return declared.get(port)
    return port if port in declared.values() else None


def workloads(documents):
    return [d for d in documents if d["kind"] in ("StatefulSet", "Deployment")]


def services(documents):
    return [d for d in documents if d["kind"] == "Service"]


def check_arguments(where, container, program):
    for argument in container.get("args", []):
        flag = argument[2:].partition("=")[0]
        if not argument.startswith("--"):
            yield f"{where}: argument is not a flag: {argument}"
        elif flag not in program.flags:
            yield f"{where}: {program.name} has no flag --{flag}"


def check_ports(where, container, program):
    listened = set(ports_of(container, program).values())
    for name, number in named_ports(container).items():
        if number not in listened:
            yield f"{where}: port {name} ({number}) is not one that {program.name} listens on"


def check_probes(where, container, program):
    ports = ports_of(container, program)
    for probe in PROBES:
        if probe not in container:
            if probe != "startupProbe":
                yield f"{where}: no {probe}"
            continue
        get = container[probe]["httpGet"]
        flag = HEALTH[program.name].get(get["path"])
        if flag is None:
            yield f"{where}: {probe} asks {get['path']}, which {program.name} does not serve"
        elif resolve_port(container, get["port"]) != ports.get(flag):
            yield f"{where}: {probe} does not ask the port of --{flag}"


def check_security(where, pod, container):
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("runAsUser") != NONROOT_UID:
        yield f"{where}: the pod does not run as user {NONROOT_UID}"
    own = container.get("securityContext", {})
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{where}: privilege escalation is allowed"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: the root file system is writable"
    if own.get("capabilities", {}).get("drop") != ["ALL"]:
        yield f"{where}: capabilities are kept"
    if pod.get("enableServiceLinks") is not False:
        yield f"{where}: the names of services become environment variables"


def check_workload(document, programs, images):
    """Rules for every workload and every container in it."""
    where = f"{document['kind']} {document['metadata']['name']}"
    template = document["spec"]["template"]
    labels = document["spec"]["selector"]["matchLabels"]
    if not labels.items() <= template["metadata"]["labels"].items():
        yield f"{where}: the selector does not match the pods' labels"
    for container in template["spec"]["containers"]:
        inside = f"{where}, container {container['name']}"
        program = program_of(container)
        if program not in images:
            yield f"{inside}: no image is built with the name {program}"
        yield from check_security(inside, template["spec"], container)
        if program in PORT_FLAGS:
            yield from check_arguments(inside, container, programs[program])
            yield from check_ports(inside, container, programs[program])
            yield from check_probes(inside, container, programs[program])


def check_scheduler(documents):
    """One replica, which keeps its data on the volume that is claimed for it."""
    found = [(d, c) for d in workloads(documents)
             for c in d["spec"]["template"]["spec"]["containers"]
             if program_of(c) == "belfry-scheduler"]
    if len(found) != 1:
        yield f"{len(found)} workloads run belfry-scheduler, not one"
        return
    document, container = found[0]
    where = f"{document['kind']} {document['metadata']['name']}"
    spec = document["spec"]
    if document["kind"] != "StatefulSet":
        yield f"{where}: not a StatefulSet"
    if spec.get("replicas") != 1:
        yield f"{where}: {spec.get('replicas')} replicas, not one"
    if "fsGroup" not in spec["template"]["spec"].get("securityContext", {}):
        yield f"{where}: no fsGroup, so the volume may not be writable"
    claims = {c["metadata"]["name"] for c in spec.get("volumeClaimTemplates", [])}
    mounts = [m["mountPath"] for m in container.get("volumeMounts", []) if m["name"] in claims]
    data_dir = parse_arguments(container.get("args", [])).get("data-dir", "")
    if not any(data_dir == m or data_dir.startswith(m.rstrip("/") + "/") for m in mounts):
        yield f"{where}: --data-dir={data_dir} does not lie on a claimed volume ({mounts})"
    governing = [s for s in services(documents) if s["metadata"]["name"] == spec["serviceName"]]
    if not governing or governing[0]["spec"].get("clusterIP") != "None":
        yield f"{where}: serviceName {spec['serviceName']} is no headless service"


def pods_behind(service, documents):
    """The workloads of the service's namespace whose pods it selects."""
    selector = service["spec"]["selector"].items()
    return [d for d in workloads(documents)
            if d["metadata"]["namespace"] == service["metadata"]["namespace"]
            and selector <= d["spec"]["template"]["metadata"]["labels"].items()]


def check_service(service, documents):
    where = f"Service {service['metadata']['name']}"
    pods = pods_behind(service, documents)
    if not pods:
        yield f"{where}: selects no pods"
    for workload in pods:
        containers = workload["spec"]["template"]["spec"]["containers"]
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if all(resolve_port(c, target) is None for c in containers):
                yield f"{where}: no container declares the port {target}"


def scheduler_port_behind(address, documents, programs):
    """Whether host:port is a service's port that leads to the scheduler's gRPC port."""
    host, _, number = address.rpartition(":")
    for service in services(documents):
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        # A headless service also names single pods: <pod>.<service>.<namespace>.svc
        if f"{name}.{namespace}.svc" not in (host, host.partition(".")[2]):
            continue
        for port in service["spec"]["ports"]:
            for workload in pods_behind(service, documents):
                for container in workload["spec"]["template"]["spec"]["containers"]:
                    program = program_of(container)
                    if (str(port["port"]) == number and program == "belfry-scheduler"
                            and resolve_port(container, port["targetPort"])
                            == ports_of(container, programs[program])["port"]):
                        return True
    return False


def check_addresses(documents, programs):
    """Addresses given to the programs lead to where they should."""
    for workload in workloads(documents):
        containers = workload["spec"]["template"]["spec"]["containers"]
        app_ports = [a for c in containers if program_of(c) == "belfry-example-app"
                     for a in c.get("args", [])]
        for container in containers:
            where = f"{workload['kind']} {workload['metadata']['name']}"
            arguments = parse_arguments(container.get("args", []))
            for flag in ("scheduler-host-address", "override-broadcast-host-port"):
                address = arguments.get(flag)
                if address and not scheduler_port_behind(address, documents, programs):
                    yield f"{where}: --{flag}={address} leads to no scheduler"
            if program_of(container) == "belfry-sidecar":
                if not arguments.get("app-id"):
                    yield f"{where}: the sidecar has no --app-id"
                if arguments.get("app-port") not in app_ports:
                    yield f"{where}: the sidecar's --app-port is not the app's"


def check(documents, programs, images):
    for document in workloads(documents):
        yield from check_workload(document, programs, images)
    for service in services(documents):
        yield from check_service(service, documents)
    yield from check_scheduler(documents)
    yield from check_addresses(documents, programs)
