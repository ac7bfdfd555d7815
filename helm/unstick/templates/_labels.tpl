{{/*
Labels and annotations of unstick's own are under unstick.dev/. Kept free for a webhook that injects the sidecar:
the label unstick.dev/inject on namespaces and pods, and the annotations unstick.dev/app-kind, unstick.dev/app-port and
unstick.dev/config on pods. The webhook will leave pods alone that have unstick.dev/sidecar.
*/}}
{{- define "unstick.labels" -}}
{{ include "unstick.selector" . }}
app.kubernetes.io/version: {{ .version | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "unstick.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}
