{{/*
Finds the values, whoever includes: this chart itself, a chart that has it as a dependency (the values are under `unstick`
then), or one that has it under another name: (dict "root" . "as" "ALIAS"). Sets root, values, name, config and native on the
dict that it is given; every template below begins with it.
*/}}
{{- define "unstick.scope" -}}
{{- $given := .given -}}
{{- $root := $given -}}
{{- $as := "unstick" -}}
{{- if hasKey $given "root" -}}
{{- $root = $given.root -}}
{{- $as = $given.as | default "unstick" -}}
{{- end -}}
{{- $own := not (hasKey $root.Values $as) -}}
{{- $values := $own | ternary $root.Values (get $root.Values $as) -}}
{{- $name := $root.Release.Name -}}
{{- if and $own (not $root.Chart.IsRoot) -}}
{{- $name = printf "%s-%s" $root.Release.Name $root.Chart.Name -}}
{{- end -}}
{{- $_ := set . "root" $root -}}
{{- $_ := set . "values" $values -}}
{{- $_ := set . "own" $own -}}
{{- $_ := set . "name" ($values.fullnameOverride | default $name | trunc 45 | trimSuffix "-") -}}
{{- $_ := set . "configMap" (printf "%s-%s" .name ($own | ternary "unstick" $as)) -}}
{{- $_ := set . "version" (get $root.Subcharts $as | default $root).Chart.AppVersion -}}
{{- include "unstick.scope.native" . -}}
{{- include "unstick.scope.folders" . -}}
{{- include "unstick.refuse" . -}}
{{- end -}}

{{/* native: whether the sidecar is an init container with restartPolicy Always. On by default from 1.29. */}}
{{- define "unstick.scope.native" -}}
{{- $kube := .root.Capabilities.KubeVersion.Version -}}
{{- $known := semverCompare ">=1.29-0" $kube -}}
{{- $_ := set . "native" (eq (toString .values.sidecar.native) "auto" | ternary $known (eq (toString .values.sidecar.native) "true")) -}}
{{/* The kubelet can sleep by itself from 1.30; before it, the container has to have a `sleep`. */}}
{{- $_ := set . "sleeps" (semverCompare ">=1.30-0" $kube) -}}
{{- end -}}

{{/*
folders: where the app keeps session files, each a volume that it shares with the sidecar; user, group: who may read them.
The presets' folders are those of src/config/presets.ts; a test holds the two together.
*/}}
{{- define "unstick.scope.folders" -}}
{{- $presets := dict
  "php" "/var/lib/php/sessions"
  "express-file" "/app/sessions"
  "flask-session" "/app/flask_session"
  "django-file" "/tmp"
  "tomcat-file" "/usr/local/tomcat/work/Catalina/localhost/ROOT" -}}
{{- $kind := .values.app.kind | default "" -}}
{{- $carriers := .values.config.carriers | default dict -}}
{{- $folders := list -}}
{{- if hasKey $carriers "files" -}}
{{- range $carriers.files -}}
{{- $folders = append $folders (.path | splitList "{" | first | dir) -}}
{{- end -}}
{{- else if hasKey $presets $kind -}}
{{- $folders = list (get $presets $kind) -}}
{{- end -}}
{{- $php := and (eq $kind "php") (not (hasKey $carriers "files")) -}}
{{- $user := .values.sidecar.runAsUser -}}
{{- $group := .values.sidecar.runAsGroup -}}
{{- if $folders -}}
{{- $default := eq $kind "php" | ternary 33 nil -}}
{{- $user = kindIs "invalid" .values.app.runAsUser | ternary $default .values.app.runAsUser -}}
{{- $group = kindIs "invalid" .values.app.runAsGroup | ternary $user .values.app.runAsGroup -}}
{{- end -}}
{{- $_ := set . "carriers" $carriers -}}
{{- $_ := set . "folders" ($folders | uniq) -}}
{{- $_ := set . "php" $php -}}
{{- $_ := set . "user" $user -}}
{{- $_ := set . "group" $group -}}
{{- end -}}
