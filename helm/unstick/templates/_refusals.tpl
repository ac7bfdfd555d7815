{{/* What cannot work is refused with a sentence, before it reaches a cluster. What single values may be is in values.schema.json. */}}
{{- define "unstick.refuse" -}}
{{- $v := .values -}}
{{- include "unstick.refuse.config" . -}}
{{- include "unstick.refuse.store" . -}}
{{- if and (not $v.app.kind) (not .carriers) -}}
{{- fail "Nothing says how the app keeps its sessions: set app.kind to a preset such as php, or write config.carriers." -}}
{{- end -}}
{{- if or (eq (int $v.app.port) (int $v.sidecar.port)) (eq (int $v.app.port) (int $v.sidecar.adminPort)) -}}
{{- fail (printf "app.port is %d, where the sidecar listens: they share the pod's network, so set sidecar.port or sidecar.adminPort to another." (int $v.app.port)) -}}
{{- end -}}
{{- if eq (int $v.sidecar.port) (int $v.sidecar.adminPort) -}}
{{- fail "sidecar.port and sidecar.adminPort are the same: the admin port is never the public one." -}}
{{- end -}}
{{- if and .folders (kindIs "invalid" .user) -}}
{{- fail (printf "The app keeps session files in %s, and the sidecar has to be the same user to read them: set app.runAsUser to the number of the app's user." (first .folders)) -}}
{{- end -}}
{{- if has "/" .folders -}}
{{- fail "A path in config.carriers.files is in no folder of its own: a volume cannot be mounted at /." -}}
{{- end -}}
{{- if and (not .own) (not .native) (eq (toString $v.sidecar.native) "auto") -}}
{{- fail "This cluster is older than 1.29 and has no native sidecars: include unstick.container under containers: instead of initContainers:, and set sidecar.native to false." -}}
{{- end -}}
{{- end -}}

{{- define "unstick.refuse.config" -}}
{{- $elsewhere := dict
  "listen" "set sidecar.port"
  "upstream" "set app.port"
  "app" "set app.kind"
  "store" "set store.url or store.existingSecret"
  "secret" "a ConfigMap is no place for a secret; put it into a Secret and name that in secret.existingSecret" -}}
{{- range $key, $instead := $elsewhere -}}
{{- if hasKey $.values.config $key -}}
{{- fail (printf "config.%s is written by the chart: %s." $key $instead) -}}
{{- end -}}
{{- end -}}
{{- $admin := .values.config.admin | default dict -}}
{{- if hasKey $admin "listen" -}}
{{- fail "config.admin.listen is written by the chart, where the kubelet's probes reach it: set sidecar.adminPort." -}}
{{- end -}}
{{- if hasKey $admin "token" -}}
{{- fail "config.admin.token is written by the chart: a ConfigMap is no place for a token; put it into a Secret and name that in adminToken.existingSecret." -}}
{{- end -}}
{{- if hasKey (.values.config.limits | default dict) "drain" -}}
{{- fail "config.limits.drain is written by the chart, because the whole shutdown is timed by it: set shutdown.drainSeconds." -}}
{{- end -}}
{{- end -}}

{{- define "unstick.refuse.store" -}}
{{- $v := .values -}}
{{- $url := $v.store.url | default "" -}}
{{- $local := regexMatch "^(sqlite|memory):" $url -}}
{{- $many := or (kindIs "invalid" $v.replicas) (gt (int $v.replicas) 1) -}}
{{- if and (not $url) (not $v.store.existingSecret) -}}
{{- fail "No store: set store.url to one that all replicas share, such as redis://redis:6379, or store.existingSecret to a Secret that holds it." -}}
{{- end -}}
{{- if and $url $v.store.existingSecret -}}
{{- fail "Two stores: set either store.url or store.existingSecret." -}}
{{- end -}}
{{- if regexMatch "^[a-z+]+://[^/]*@" $url -}}
{{- fail "store.url holds a password, and would show it in a ConfigMap: put the whole URL into a Secret and name that in store.existingSecret." -}}
{{- end -}}
{{- if and $local $many -}}
{{- fail (printf "store.url is %s, which no other pod can see, so a session would be known to one replica only: set replicas to 1, or use a store that all share, such as redis://redis:6379." ($url | splitList ":" | first)) -}}
{{- end -}}
{{- if and (hasPrefix "sqlite:" $url) (not (hasPrefix "sqlite:/" $url)) -}}
{{- fail "store.url names a file without its folder, and the container's own file system is read-only: write an absolute path, such as sqlite:/var/lib/unstick/unstick.db." -}}
{{- end -}}
{{- if and $v.store.persistentVolumeClaim (not (hasPrefix "sqlite:" $url)) -}}
{{- fail "store.persistentVolumeClaim keeps the file of an SQLite store, and store.url names none." -}}
{{- end -}}
{{- if and (not $local) (not $v.secret.existingSecret) -}}
{{- fail "No secret: all replicas need the same one to open each other's sessions. Make it with `unstick keygen`, put it into a Secret, and name that in secret.existingSecret." -}}
{{- end -}}
{{- end -}}
